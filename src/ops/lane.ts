import { LaneReader } from "#ops/lane-reader.ts";
import type { FromLane, Stretch, ToLane } from "#ops/lane-protocol.ts";
import { BlockSealer, type SegmentGrant } from "#vault/block-sealer.ts";
import { FLAG_UNREADABLE, POINTER_BYTES } from "#vault/pointer.ts";

/**
 * One lane of a backup: takes stretches of a disk in order, reads, compares and seals them into segments of its own.
 * It runs in a worker thread, or in the main one where there is nothing to gain.
 *
 * @param post  sends an answer
 * @returns     what to call with each message, in order
 */
export function startLane(post: (message: FromLane) => void): (message: ToLane) => void {
  const reader = new LaneReader();
  const waiting: ((grant: SegmentGrant) => void)[] = [];
  let blockBytes = 0;
  let sealer: BlockSealer | null = null;
  let last: Promise<void> = Promise.resolve();

  const exchange = {
    next: () =>
      new Promise<SegmentGrant>((resolve) => {
        waiting.push(resolve);
        post({ type: "want" });
      }),
    filled: (grant: SegmentGrant, pieces: readonly Uint8Array[]) => {
      post({ type: "filled", grant, usedBytes: pieces[0]?.length ?? 0, tail: pieces[1] ?? new Uint8Array() });
    },
  };

  async function seal(into: BlockSealer, { offsetBytes, lengthBytes, base, source }: Stretch): Promise<void> {
    const pieces = source.kind === "bytes" ? [source.bytes] : reader.pieces(source, offsetBytes, lengthBytes);
    let number = 0;
    try {
      for (const piece of pieces) {
        for (let at = 0; at < piece.length; at += blockBytes, number++) {
          const bad = source.kind === "bytes" && source.unreadable.includes(number);
          const block = piece.subarray(at, at + blockBytes);
          await into.put(block, number, base, number * POINTER_BYTES, bad ? FLAG_UNREADABLE : 0);
        }
      }
    } catch (error) {
      if (!isReadError(error)) throw error;
      into.take();
      post({ type: "unreadable", why: error.message });
      return;
    }
    post({ type: "stretch", sealed: into.take() });
  }

  async function handle(message: Exclude<ToLane, { type: "grant" }>): Promise<void> {
    if (message.type === "disk") {
      blockBytes = message.blockBytes;
      sealer = new BlockSealer(message.fingerprintKey, exchange);
    } else if (sealer !== null && message.type === "stretch") {
      await seal(sealer, message.stretch);
    } else if (message.type === "flush") {
      sealer?.flush();
      post({ type: "flushed" });
    }
  }

  return (message) => {
    if (message.type === "grant") waiting.shift()?.(message.grant);
    else last = last.then(() => handle(message)).catch((error: unknown) => post({ type: "failed", error }));
  };
}

/** An error of a read system call, as opposed to a bug. */
function isReadError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && error.syscall === "read";
}
