import type { FileHandle } from "node:fs/promises";

import { alignedBuffer } from "#bytes/arrays.ts";
import { assertInside } from "#disk/byte-ranges.ts";
import type { ByteRange, DiskIdentity, DiskSource } from "#disk/contract.ts";
import { readAt } from "#disk/positioned-io.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { readWhatCanBe, isMediumError, unreadable } from "#disk/unreadable.ts";
import type { WriteWatch } from "#disk/write-watch.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { nextData } from "#linux/libc.ts";

/** Direct reads of less than a page, to tell a bad sector from its neighbours. */
const SECTOR = 512;
const PAGE = 4096;

/** An image file or block device of this host, open. See `openDisk`. */
export class FileDisk implements DiskSource {
  readonly path: string;
  readonly identity: DiskIdentity;
  readonly sizeBytes: number;
  readonly descriptors: { readonly buffered: number; readonly direct: number | null };
  readonly #buffered: FileHandle;
  readonly #direct: FileHandle | null;
  readonly #alignmentBytes: number;
  readonly #watch: WriteWatch;

  constructor(parts: {
    path: string;
    identity: DiskIdentity;
    buffered: FileHandle;
    direct: FileHandle | null;
    alignmentBytes: number;
    watch: WriteWatch;
  }) {
    this.path = parts.path;
    this.identity = parts.identity;
    this.sizeBytes = parts.identity.sizeBytes;
    this.descriptors = { buffered: parts.buffered.fd, direct: parts.direct?.fd ?? null };
    this.#buffered = parts.buffered;
    this.#direct = parts.direct;
    this.#alignmentBytes = parts.alignmentBytes;
    this.#watch = parts.watch;
  }

  /*
   * The file was synced when it was opened. ext4, XFS and Btrfs do report data that is still in memory only; other file
   * systems have not always (OpenZFS told such data to be holes), and a hole that is none is data lost. What is written
   * after that makes the copy torn anyway, and is seen by `writtenSince`.
   */
  async *dataRanges(signal: AbortSignal): AsyncGenerator<ByteRange> {
    let start = 0;
    let end = 0;
    for (const data of this.#data()) {
      signal.throwIfAborted();
      const from = Math.floor(data.offsetBytes / this.#alignmentBytes) * this.#alignmentBytes;
      if (from > end && end > start) {
        yield { offsetBytes: start, lengthBytes: end - start };
        start = from;
      } else if (end === start) {
        start = from;
      }
      end = Math.min(Math.ceil(data.endBytes / this.#alignmentBytes) * this.#alignmentBytes, this.sizeBytes);
    }
    if (end > start) yield { offsetBytes: start, lengthBytes: end - start };
  }

  *#data(): Generator<{ offsetBytes: number; endBytes: number }> {
    if (this.identity.kind === "block") {
      yield { offsetBytes: 0, endBytes: this.sizeBytes };
      return;
    }
    let at = 0;
    while (at < this.sizeBytes) {
      const data = this.#nextData(at);
      if (data === null || data.offsetBytes >= this.sizeBytes) return;
      yield data;
      at = data.endBytes;
    }
  }

  /** Where the file system cannot tell data from holes, or tells nonsense, the rest is data. */
  #nextData(at: number): { offsetBytes: number; endBytes: number } | null {
    const rest = { offsetBytes: at, endBytes: this.sizeBytes };
    try {
      const data = nextData(this.#buffered.fd, at);
      return data !== null && (data.offsetBytes < at || data.endBytes <= data.offsetBytes) ? rest : data;
    } catch (error) {
      if (isLockstepError(error, "SYSTEM_CALL_FAILED")) return rest;
      throw error;
    }
  }

  async read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    assertInside(offsetBytes, into.length, this.sizeBytes);
    signal.throwIfAborted();
    try {
      await this.#fill(offsetBytes, into);
    } catch (error) {
      if (!isMediumError(error)) throw this.#failed(offsetBytes, into.length, error);
      const bad = await this.readAround(offsetBytes, into, signal);
      if (bad.length > 0) throw unreadable(this.path, bad, error);
    }
  }

  async readAround(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<readonly ByteRange[]> {
    assertInside(offsetBytes, into.length, this.sizeBytes);
    try {
      return await readWhatCanBe(async (at, piece) => this.#fillSmall(at, piece), offsetBytes, into, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failed(offsetBytes, into.length, error);
    }
  }

  async writtenSince(signal: AbortSignal): Promise<string | null> {
    return this.#watch(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#direct?.close();
    await this.#buffered.close();
  }

  async #fill(offsetBytes: number, into: Uint8Array): Promise<void> {
    const got = await readAt(this.#buffered, offsetBytes, into);
    if (got < into.length) {
      throw new LockstepError(
        "DISK_IN_USE",
        `reading ${this.path}: it was ${this.sizeBytes} bytes long when it was opened and ends at byte ${offsetBytes + got} now`,
        { hint: "Something made the disk smaller meanwhile. Back it up again once it rests." },
      );
    }
  }

  /** The cache reads whole pages, so sectors that are good beside a bad one come by direct reads, where those can. */
  async #fillSmall(offsetBytes: number, into: Uint8Array): Promise<void> {
    const isSectors = offsetBytes % SECTOR === 0 && into.length % SECTOR === 0;
    if (this.#direct === null || into.length >= PAGE || !isSectors) return this.#fill(offsetBytes, into);
    const sectors = alignedBuffer(PAGE).subarray(0, into.length);
    try {
      if ((await readAt(this.#direct, offsetBytes, sectors)) === into.length) return into.set(sectors);
    } catch (error) {
      if (systemErrorName(error) !== "EINVAL") throw error; // EINVAL: its sectors are larger
    }
    return this.#fill(offsetBytes, into);
  }

  #failed(offsetBytes: number, lengthBytes: number, error: unknown): unknown {
    return systemErrorName(error) === null ? error : unreadable(this.path, [{ offsetBytes, lengthBytes }], error);
  }
}
