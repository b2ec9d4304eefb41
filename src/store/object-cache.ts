import { mkdir, open, readdir, rename, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";

import { equalBytes } from "#bytes/arrays.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import type { ObjectKey } from "#store/contract.ts";

export type ObjectCacheOptions = {
  /** Tells the objects of one store from those of another. */
  readonly storeId: string;
  /** Limit for the files of all stores together. Each process may exceed it by a sixteenth. */
  readonly limitBytes: number;
  readonly now: () => Temporal.Instant;
  readonly random: Random;
};

const SUM_BYTES = 32;
/** Files of the cache, and those that are being written; nothing else in the folder is touched. */
const ownName = /^(?:[0-9a-f]{64}|new-[0-9a-f]{16})$/;

type CacheFile = { readonly path: string; readonly sizeBytes: number; readonly usedMs: number };

/**
 * Whole objects in a folder of this host, which can be thrown away at any time: by a person, or by other processes that use
 * it too. What was used longest ago goes first when there are too many.
 *
 * Nothing in it is synced: a power cut may leave any bytes, so each file ends with its SHA-256. It never fails: what does
 * not work counts as not there.
 */
export class ObjectCache {
  readonly #folder: string;
  readonly #options: ObjectCacheOptions;
  /** Bytes that may be added before it is looked again how many there are. */
  #roomBytes = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(folder: string, options: ObjectCacheOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** The object's bytes, a copy; null when it is not there, is damaged (it is removed then), or longer than the limit. */
  async get(key: ObjectKey, limitBytes: number): Promise<Uint8Array | null> {
    const path = this.#pathOf(key);
    const bytes = await orNull(readAtMost(path, limitBytes + SUM_BYTES));
    if (bytes === null) return null;
    const body = bytes.subarray(0, -SUM_BYTES);
    if (!equalBytes(sha256(body), bytes.subarray(-SUM_BYTES))) {
      await orNull(unlink(path));
      return null;
    }
    const now = this.#nowSeconds();
    await orNull(utimes(path, now, now));
    return body;
  }

  /** Keeps a copy of an object, unless that fails. */
  async put(key: ObjectKey, body: Uint8Array): Promise<void> {
    const sizeBytes = body.length + SUM_BYTES;
    if (sizeBytes > this.#options.limitBytes) return;
    await orNull(this.#write(this.#pathOf(key), body));
    this.#roomBytes -= sizeBytes;
    if (this.#roomBytes >= 0) return;
    this.#turn = this.#turn.then(async () => {
      if (this.#roomBytes < 0) await orNull(this.#shrink());
    });
    await this.#turn;
  }

  async drop(key: ObjectKey): Promise<void> {
    await orNull(unlink(this.#pathOf(key)));
  }

  #pathOf(key: ObjectKey): string {
    return join(this.#folder, hex(sha256(utf8(`${this.#options.storeId}\n${key}`))));
  }

  #nowSeconds(): number {
    return this.#options.now().epochMilliseconds / 1000;
  }

  /** Writes under a temporary name and renames, so that no reader sees half of it. */
  async #write(path: string, body: Uint8Array): Promise<void> {
    const temporary = join(this.#folder, `new-${hex(this.#options.random(8))}`);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writev([body, sha256(body)]);
        const now = this.#nowSeconds();
        await file.utimes(now, now);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await orNull(unlink(temporary));
      throw error;
    }
  }

  /** Removes what was used longest ago until a sixteenth of the limit is free. */
  async #shrink(): Promise<void> {
    const { limitBytes } = this.#options;
    const step = limitBytes / 16;
    const files = await this.#files();
    let used = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (used > limitBytes) {
      for (const { path, sizeBytes } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
        if (used <= limitBytes - step) break;
        await orNull(unlink(path));
        used -= sizeBytes;
      }
    }
    this.#roomBytes = Math.min(limitBytes - used, step);
  }

  async #files(): Promise<CacheFile[]> {
    const files: CacheFile[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!ownName.test(name)) continue;
      const path = join(this.#folder, name);
      const found = await orNull(stat(path));
      if (found?.isFile() === true) files.push({ path, sizeBytes: found.size, usedMs: found.mtimeMs });
    }
    return files;
  }
}

/** A file's bytes; null when they are more than `limitBytes`. */
async function readAtMost(path: string, limitBytes: number): Promise<Uint8Array | null> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > limitBytes) return null;
    const bytes = new Uint8Array(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function orNull<Result>(work: Promise<Result>): Promise<Result | null> {
  try {
    return await work;
  } catch {
    return null;
  }
}
