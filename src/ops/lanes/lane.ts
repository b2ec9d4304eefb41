import type { FromLane, LaneDisk, Stretch, ToLane } from "#ops/lanes/lane-protocol.ts";
import { LaneReader } from "#ops/lanes/lane-reader.ts";
import { BlockSealer } from "#vault/segments/block-sealer.ts";
import type { SegmentGrant } from "#vault/segments/block-sealer.ts";
import { FLAG_UNREADABLE, POINTER_BYTES } from "#vault/segments/pointer.ts";
import { openSlots } from "#vault/segments/slot-batch.ts";
import { BlockComparer } from "#vault/tree/block-comparer.ts";

type DiskWork = { readonly blockBytes: number; readonly sealer: BlockSealer; readonly comparer: BlockComparer };

/**
 * One lane: takes stretches of a disk in order, reads them, compares their blocks with a base, and seals those that
 * differ into segments of its own; or opens slots that were read for it. It runs in a worker thread, or in the main one where threads gain nothing.
 *
 * @param post  sends an answer
 * @returns     what to call with each message, in order
 */
export function startLane(post: (message: FromLane) => void): (message: ToLane) => void {
  const waiting: ((grant: SegmentGrant) => void)[] = [];
  let reader: LaneReader | null = null;
  let work: DiskWork | null = null;
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

  function begin({ blockBytes, fingerprintKey }: LaneDisk): DiskWork {
    return {
      blockBytes,
      sealer: new BlockSealer(fingerprintKey, exchange),
      comparer: new BlockComparer(fingerprintKey),
    };
  }

  function piecesOf({ source, offsetBytes, lengthBytes }: Stretch): Iterable<Uint8Array> {
    return source.kind === "bytes"
      ? [source.bytes]
      : (reader ??= new LaneReader()).pieces(source, offsetBytes, lengthBytes);
  }

  async function seal({ blockBytes, sealer }: DiskWork, stretch: Stretch): Promise<void> {
    const unreadable = new Set(stretch.source.kind === "bytes" ? stretch.source.unreadable : []);
    let number = 0;
    for (const piece of piecesOf(stretch)) {
      for (let at = 0; at < piece.length; at += blockBytes, number++) {
        const flags = unreadable.has(number) ? FLAG_UNREADABLE : 0;
        await sealer.put(piece.subarray(at, at + blockBytes), number, stretch.base, number * POINTER_BYTES, flags);
      }
    }
    post({ type: "sealed", sealed: sealer.take() });
  }

  function compare({ blockBytes, comparer }: DiskWork, stretch: Stretch): void {
    let number = 0;
    for (const piece of piecesOf(stretch)) {
      for (let at = 0; at < piece.length; at += blockBytes, number++) {
        comparer.put(piece.subarray(at, at + blockBytes), number, stretch.base, number * POINTER_BYTES);
      }
    }
    post({ type: "compared", different: comparer.take() });
  }

  async function handle(message: Exclude<ToLane, { type: "grant" }>): Promise<void> {
    if (message.type === "disk") work = begin(message.disk);
    else if (message.type === "open") post({ type: "opened", bad: message.batches.map(openSlots) });
    else if (work === null) return;
    else if (message.type === "flush") {
      work.sealer.flush();
      post({ type: "flushed" });
    } else {
      try {
        if (message.type === "seal") await seal(work, message.stretch);
        else compare(work, message.stretch);
      } catch (error) {
        if (!isReadError(error)) throw error;
        work.sealer.take();
        work.comparer.take();
        post({ type: "unreadable", why: error.message });
      }
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
