import { alignedBuffer, equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { ByteRange, DiskTarget } from "#disk/contract.ts";

/**
 * Bytes at either end of a disk that are held back until the rest is on the medium. At the start lie partition tables,
 * volume headers and boot code, at the end the second copy of a GPT.
 */
const EDGE_BYTES = 64 * 1024;

/** Written last of all, in one piece: the first page, where the mark stands. */
const PAGE_BYTES = 4096;

/** An end of the disk: what it will hold, kept in memory. */
type Edge = { readonly offsetBytes: number; readonly bytes: Uint8Array };

/**
 * A disk that is overwritten in place, and says so itself for as long as it is neither what it was nor what it will be.
 *
 * Before the first write both ends are overwritten by a mark in plain text, so nothing takes the disk for a whole one;
 * their true bytes are held in memory and written at the end, once everything else is on the medium, the first page last.
 * When nothing is written the disk is not touched at all. The memory of a process that died is no loss: whoever
 * goes on finds the marked blocks to differ, and gets them from the vault.
 */
export class MarkedTarget implements DiskTarget {
  readonly path: string;
  readonly kind: "file" | "block";
  readonly startsZeroed = false;
  readonly sizeBytes: number;
  readonly #target: DiskTarget;
  readonly #mark: Uint8Array;
  readonly #edges: readonly Edge[];
  #marked: Promise<void> | null = null;
  #changedBytes = 0;

  private constructor(target: DiskTarget, sizeBytes: number, mark: Uint8Array, edges: readonly Edge[]) {
    this.path = target.path;
    this.kind = target.kind;
    this.sizeBytes = sizeBytes;
    this.#target = target;
    this.#mark = mark;
    this.#edges = edges;
  }

  /**
   * Reads both ends of `target`, which is disposed of together with this.
   *
   * @param sizeBytes  of the disk that is restored; a larger file is cut to it at the end, of a larger device the rest is
   *                   left as it is
   * @param mark       what the disk says until it is whole; at most 4096 bytes of it are written
   * @throws {LockstepError} TARGET_UNWRITABLE: the medium refuses to give them
   */
  static async open(target: DiskTarget, sizeBytes: number, mark: string, signal: AbortSignal): Promise<MarkedTarget> {
    const headEnd = Math.min(EDGE_BYTES, sizeBytes);
    const tailStart = Math.max(headEnd, Math.floor((sizeBytes - EDGE_BYTES) / PAGE_BYTES) * PAGE_BYTES);
    const edges = [edge(0, headEnd), edge(tailStart, sizeBytes)].filter(({ bytes }) => bytes.length > 0);
    for (const { offsetBytes, bytes } of edges) await target.read(offsetBytes, bytes, signal);
    return new MarkedTarget(target, sizeBytes, utf8(mark).subarray(0, PAGE_BYTES), edges);
  }

  get descriptors(): DiskTarget["descriptors"] {
    return this.#target.descriptors;
  }

  /** Bytes that were written because they differed; the marks are not counted. */
  get changedBytes(): number {
    return this.#changedBytes;
  }

  /** True once the marks are written, or may be: the disk is whole only after `finish`. */
  get isMarked(): boolean {
    return this.#marked !== null;
  }

  /** What is on the medium now, marks too. */
  read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#target.read(offsetBytes, into, signal);
  }

  async write(offsetBytes: number, from: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#markOnce(signal);
    const middle = this.#hold(offsetBytes, from.length, (start, end) => from.subarray(start, end));
    if (middle === null) return;
    const start = middle.offsetBytes - offsetBytes;
    await this.#target.write(middle.offsetBytes, from.subarray(start, start + middle.lengthBytes), signal);
    this.#changedBytes += middle.lengthBytes;
  }

  async zero({ offsetBytes, lengthBytes }: ByteRange, signal: AbortSignal): Promise<void> {
    await this.#markOnce(signal);
    const middle = this.#hold(offsetBytes, lengthBytes, (start, end) => new Uint8Array(end - start));
    if (middle === null) return;
    await this.#target.zero(middle, signal);
    this.#changedBytes += middle.lengthBytes;
  }

  resize(sizeBytes: number, signal: AbortSignal): Promise<void> {
    return this.#target.resize(sizeBytes, signal);
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#target.flush(signal);
  }

  /** Cuts a file that is too long, and turns the marks into what belongs there. */
  async finish(signal: AbortSignal): Promise<void> {
    const target = this.#target;
    await target.flush(signal);
    if (this.kind === "file" && target.sizeBytes > this.sizeBytes) await target.resize(this.sizeBytes, signal);
    if (this.#marked !== null) {
      for (const { offsetBytes, bytes } of this.#edges.toReversed()) {
        const first = offsetBytes === 0 ? Math.min(PAGE_BYTES, bytes.length) : 0;
        if (first < bytes.length) await target.write(offsetBytes + first, bytes.subarray(first), signal);
        await target.flush(signal);
        if (first > 0) await target.write(0, bytes.subarray(0, first), signal);
      }
    }
    await target.finish(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#target[Symbol.asyncDispose]());
  }

  /** Whatever else is written waits until the marks are on the medium. */
  #markOnce(signal: AbortSignal): Promise<void> {
    return (this.#marked ??= this.#writeMarks(signal));
  }

  async #writeMarks(signal: AbortSignal): Promise<void> {
    for (const { offsetBytes, bytes } of this.#edges) {
      const marked = alignedBuffer(bytes.length);
      marked.set(this.#mark.subarray(0, marked.length));
      await this.#target.write(offsetBytes, marked, signal);
      await this.#target.flush(signal);
    }
  }

  /**
   * Keeps in memory what of a range lies at either end.
   *
   * @param bytesOf  what belongs there: from `start` to `end`, counted from the range's start
   * @returns        the rest of the range; null when there is none
   */
  #hold(
    offsetBytes: number,
    lengthBytes: number,
    bytesOf: (start: number, end: number) => Uint8Array,
  ): ByteRange | null {
    let from = offsetBytes;
    let to = offsetBytes + lengthBytes;
    for (const held of this.#edges) {
      const start = Math.max(offsetBytes, held.offsetBytes);
      const end = Math.min(offsetBytes + lengthBytes, held.offsetBytes + held.bytes.length);
      if (start >= end) continue;
      const place = held.bytes.subarray(start - held.offsetBytes, end - held.offsetBytes);
      const bytes = bytesOf(start - offsetBytes, end - offsetBytes);
      if (!equalBytes(place, bytes)) {
        place.set(bytes);
        this.#changedBytes += bytes.length;
      }
      if (held.offsetBytes === 0) from = end;
      else to = start;
    }
    return from < to ? { offsetBytes: from, lengthBytes: to - from } : null;
  }
}

function edge(offsetBytes: number, endBytes: number): Edge {
  return { offsetBytes, bytes: alignedBuffer(endBytes - offsetBytes) };
}
