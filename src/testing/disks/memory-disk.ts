import { appendRange, assertInside } from "#disk/byte-ranges.ts";
import type { ByteRange, DiskIdentity, DiskSource, DiskTarget } from "#disk/contract.ts";
import { unreadable } from "#disk/unreadable.ts";
import { LockstepError } from "#errors/errors.ts";

/** A disk in memory. Tests change its fields between calls. */
export type MemoryDisk = DiskSource & {
  readonly bytes: Uint8Array;
  /** What `dataRanges` leaves out, whatever `bytes` hold there; in order, not touching. */
  holes: readonly ByteRange[];
  /** What the medium refuses; in order, not touching. */
  unreadable: readonly ByteRange[];
  /** What `writtenSince` answers. */
  written: string | null;
};

/** @param bytes  kept as a view */
export function memoryDisk(
  bytes: Uint8Array,
  options: {
    readonly path?: string;
    readonly holes?: readonly ByteRange[];
    readonly unreadable?: readonly ByteRange[];
    readonly identity?: Partial<DiskIdentity>;
  } = {},
): MemoryDisk {
  const path = options.path ?? "memory";
  const sizeBytes = bytes.length;
  return {
    path,
    bytes,
    sizeBytes,
    identity: { kind: "file", stableId: null, layoutHash: null, ...options.identity, sizeBytes },
    descriptors: null,
    holes: options.holes ?? [],
    unreadable: options.unreadable ?? [],
    written: null,

    async *dataRanges(signal) {
      let at = 0;
      for (const hole of [...this.holes, { offsetBytes: sizeBytes, lengthBytes: 0 }]) {
        signal.throwIfAborted();
        if (hole.offsetBytes > at) yield { offsetBytes: at, lengthBytes: hole.offsetBytes - at };
        at = hole.offsetBytes + hole.lengthBytes;
      }
    },

    async read(offsetBytes, into, signal) {
      const bad = await this.readAround(offsetBytes, into, signal);
      if (bad.length > 0) throw unreadable(path, bad);
    },

    async readAround(offsetBytes, into, signal) {
      signal.throwIfAborted();
      assertInside(offsetBytes, into.length, sizeBytes);
      into.set(bytes.subarray(offsetBytes, offsetBytes + into.length));
      const bad: ByteRange[] = [];
      for (const range of this.unreadable) {
        const from = Math.max(range.offsetBytes, offsetBytes);
        const to = Math.min(range.offsetBytes + range.lengthBytes, offsetBytes + into.length);
        if (from >= to) continue;
        into.fill(0, from - offsetBytes, to - offsetBytes);
        appendRange(bad, { offsetBytes: from, lengthBytes: to - from });
      }
      return bad;
    },

    async writtenSince(signal) {
      signal.throwIfAborted();
      return this.written;
    },

    async [Symbol.asyncDispose]() {},
  };
}

/** A target in memory. Tests look at its fields. */
export type MemoryTarget = DiskTarget & {
  readonly bytes: Uint8Array;
  /** How many bytes fit in before writes fail with TARGET_FULL. */
  roomBytes: number;
  writtenBytes: number;
  finished: boolean;
};

/** @param contents  what is there already; a new file of zeros when only a size is given */
export function memoryTarget(contents: number | Uint8Array): MemoryTarget {
  let bytes = typeof contents === "number" ? new Uint8Array(contents) : contents;
  return {
    path: "memory",
    kind: "file",
    get bytes() {
      return bytes;
    },
    get sizeBytes() {
      return bytes.length;
    },
    startsZeroed: typeof contents === "number",
    descriptors: null,
    roomBytes: Infinity,
    writtenBytes: 0,
    finished: false,

    async read(offsetBytes, into, signal) {
      signal.throwIfAborted();
      assertInside(offsetBytes, into.length, bytes.length);
      into.set(bytes.subarray(offsetBytes, offsetBytes + into.length));
    },

    async write(offsetBytes, from, signal) {
      signal.throwIfAborted();
      assertInside(offsetBytes, from.length, bytes.length);
      if (this.writtenBytes + from.length > this.roomBytes) {
        throw new LockstepError("TARGET_FULL", `writing memory at byte ${offsetBytes}: no room left`);
      }
      this.writtenBytes += from.length;
      bytes.set(from, offsetBytes);
    },

    async zero({ offsetBytes, lengthBytes }, signal) {
      signal.throwIfAborted();
      assertInside(offsetBytes, lengthBytes, bytes.length);
      bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    },

    async resize(sizeBytes, signal) {
      signal.throwIfAborted();
      const resized = new Uint8Array(sizeBytes);
      resized.set(bytes.subarray(0, sizeBytes));
      bytes = resized;
    },

    async flush(signal) {
      signal.throwIfAborted();
    },

    async finish(signal) {
      signal.throwIfAborted();
      this.finished = true;
    },

    async [Symbol.asyncDispose]() {},
  };
}
