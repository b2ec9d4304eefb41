import type { FileHandle } from "node:fs/promises";

import { alignedBuffer, isAligned } from "#bytes/arrays.ts";
import { assertInside } from "#disk/byte-ranges.ts";
import type { ByteRange, DiskTarget } from "#disk/contract.ts";
import { readAt, writeAt } from "#disk/positioned-io.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { punchHole, zeroBlockDevice } from "#linux/libc.ts";

/** Direct writes start and end at multiples of this; enough for every sector size. */
const PAGE = 4096;

/** One request to make zeros is no longer than this, so that a cancellation is heeded soon. */
const ZERO_STEP_BYTES = 256 * 1024 * 1024;

/** Written where holes cannot be made. */
const zeros = alignedBuffer(1024 * 1024);

/** A file or block device of this host, open for writing. See `createFileTarget` and `openExistingTarget`. */
export class FileTarget implements DiskTarget {
  readonly path: string;
  readonly kind: "file" | "block";
  readonly startsZeroed: boolean;
  readonly descriptors: { readonly buffered: number; readonly direct: number | null };
  readonly #buffered: FileHandle;
  readonly #direct: FileHandle | null;
  readonly #publish: (signal: AbortSignal) => Promise<void>;
  #sizeBytes: number;
  #lost: Error | null = null;

  /** @param parts.publish  gives a new file its name, once all is flushed */
  constructor(parts: {
    path: string;
    kind: "file" | "block";
    sizeBytes: number;
    startsZeroed: boolean;
    buffered: FileHandle;
    direct: FileHandle | null;
    publish: (signal: AbortSignal) => Promise<void>;
  }) {
    this.path = parts.path;
    this.kind = parts.kind;
    this.startsZeroed = parts.startsZeroed;
    this.descriptors = { buffered: parts.buffered.fd, direct: parts.direct?.fd ?? null };
    this.#buffered = parts.buffered;
    this.#direct = parts.direct;
    this.#publish = parts.publish;
    this.#sizeBytes = parts.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async read(offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    assertInside(offsetBytes, into.length, this.#sizeBytes);
    signal.throwIfAborted();
    const doing = `reading ${this.path} at byte ${offsetBytes}`;
    const got = await this.#try(doing, readAt(this.#buffered, offsetBytes, into));
    if (got < into.length) {
      throw new LockstepError("TARGET_IN_USE", `${doing}: it became shorter, and ends at byte ${offsetBytes + got}`, {
        hint: "Something else changes it. Stop that, and run the same command again.",
      });
    }
  }

  async write(offsetBytes: number, from: Uint8Array, signal: AbortSignal): Promise<void> {
    assertInside(offsetBytes, from.length, this.#sizeBytes);
    signal.throwIfAborted();
    await this.#try(`writing ${this.path} at byte ${offsetBytes}`, this.#put(offsetBytes, from));
  }

  async zero(range: ByteRange, signal: AbortSignal): Promise<void> {
    const { offsetBytes, lengthBytes } = range;
    assertInside(offsetBytes, lengthBytes, this.#sizeBytes);
    for (let done = 0; done < lengthBytes; done += ZERO_STEP_BYTES) {
      signal.throwIfAborted();
      const at = offsetBytes + done;
      const length = Math.min(ZERO_STEP_BYTES, lengthBytes - done);
      if (!(await this.#makeZeros(at, length))) await this.#writeZeros(at, length, signal);
    }
  }

  async resize(sizeBytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const doing = `resizing ${this.path} to ${sizeBytes} bytes`;
    if (this.kind === "block") {
      throw new LockstepError("TARGET_TOO_SMALL", `${doing}: it is a block device of ${this.#sizeBytes} bytes`, {
        hint: "Resize the volume with the tool that made it.",
      });
    }
    await this.#try(doing, this.#buffered.truncate(sizeBytes));
    this.#sizeBytes = sizeBytes;
  }

  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#sync(async () => this.#buffered.datasync());
  }

  async finish(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#sync(async () => this.#buffered.sync());
    await this.#publish(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#direct?.close();
    await this.#buffered.close();
  }

  /** The kernel reports a write that was lost to the first sync after it only, so the failure is kept here. */
  async #sync(sync: () => Promise<void>): Promise<void> {
    if (this.#lost !== null) throw this.#lost;
    try {
      await sync();
    } catch (error) {
      this.#lost = targetFailure(`flushing ${this.path}`, error);
      throw this.#lost;
    }
  }

  /** The part of whole pages past the cache, where memory and place allow it; the rest through the cache. */
  async #put(offsetBytes: number, from: Uint8Array): Promise<void> {
    const direct = offsetBytes % PAGE === 0 && isAligned(from) ? this.#direct : null;
    const directBytes = direct === null ? 0 : from.length - (from.length % PAGE);
    if (direct !== null) await writeAt(direct, offsetBytes, from.subarray(0, directBytes));
    if (directBytes < from.length) await writeAt(this.#buffered, offsetBytes + directBytes, from.subarray(directBytes));
  }

  /** False when it could not be done so; writing zeros then does it, or says why it fails too. */
  async #makeZeros(offsetBytes: number, lengthBytes: number): Promise<boolean> {
    if (this.kind === "block") return zeroBlockDevice(this.#buffered.fd, offsetBytes, lengthBytes);
    try {
      return punchHole(this.#buffered.fd, offsetBytes, lengthBytes);
    } catch (error) {
      if (isLockstepError(error, "SYSTEM_CALL_FAILED")) return false;
      throw error;
    }
  }

  async #writeZeros(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<void> {
    for (let done = 0; done < lengthBytes; done += zeros.length) {
      await this.write(offsetBytes + done, zeros.subarray(0, Math.min(zeros.length, lengthBytes - done)), signal);
    }
  }

  async #try<Result>(doing: string, action: Promise<Result>): Promise<Result> {
    try {
      return await action;
    } catch (error) {
      throw targetFailure(doing, error);
    }
  }
}
