import { isAligned } from "#bytes/arrays.ts";
import { orNull } from "#store/files.ts";
import type { FileStat, Files, OpenFile } from "#store/files.ts";

const pageBytes = 4096;
const samples = 5;

/** An object's file, open for reading. Its bytes and size never change, so they are as they were when it was opened. */
export class OpenObject implements AsyncDisposable {
  readonly stat: FileStat;
  readonly #file: OpenFile;
  readonly #openDirect: () => Promise<OpenFile>;
  #direct: Promise<OpenFile | null> | null = null;
  #isCached: boolean | null = null;
  #directRefused = false;

  private constructor(stat: FileStat, file: OpenFile, openDirect: () => Promise<OpenFile>) {
    this.stat = stat;
    this.#file = file;
    this.#openDirect = openDirect;
  }

  /** Opens a file; null when there is none, or something else than a file. */
  static async open(files: Files, path: string): Promise<OpenObject | null> {
    const file = await orNull(files.open(path, "read"), "ENOENT", "ENOTDIR", "ELOOP");
    if (file === null) return null;
    try {
      const stat = await file.stat();
      if (stat.kind === "file") return new OpenObject(stat, file, () => files.open(path, "read-direct"));
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return null;
  }

  /** @returns bytes read; fewer than `into.length` only at the end */
  async read(offsetBytes: number, into: Uint8Array): Promise<number> {
    const wanted = Math.max(0, Math.min(into.length, this.stat.sizeBytes - offsetBytes));
    let done = wanted > 0 && isPaged(offsetBytes, into) ? await this.#readDirect(offsetBytes, into) : 0;
    while (done < wanted) {
      const got = await this.#file.read(into.subarray(done, wanted), offsetBytes + done);
      if (got === 0) break; // somebody cut the file: the caller sees that bytes are missing
      done += got;
    }
    return Math.min(done, wanted);
  }

  /** The file's descriptor, where reading through the page cache is the way to read this object; else null. */
  cachedDescriptor(): number | null {
    this.#isCached ??= this.#isMostlyCached();
    return this.#isCached ? this.#file.descriptor : null;
  }

  /** The file's data, however it was written, is durable once this resolves. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await (await this.#direct)?.close();
  }

  /** @returns bytes read past the page cache; 0 where that is not the way to read this object */
  async #readDirect(offsetBytes: number, into: Uint8Array): Promise<number> {
    this.#isCached ??= this.#isMostlyCached();
    this.#direct ??= this.#isCached ? Promise.resolve(null) : orNull(this.#openDirect(), "EINVAL", "ENOENT");
    const direct = await this.#direct;
    if (direct === null || this.#directRefused) return 0;
    const got = await orNull(direct.read(into, offsetBytes), "EINVAL");
    if (got === null) this.#directRefused = true;
    return got ?? 0;
  }

  /** Decided once, by a few pages: reading direct what is cached is as slow as reading through a cold cache. */
  #isMostlyCached(): boolean {
    let cold = 0;
    for (let sample = 0; sample < samples; sample++) {
      const page = Math.floor((this.stat.sizeBytes * sample) / samples / pageBytes);
      if (this.#file.isCached(page * pageBytes) === false) cold++;
    }
    return cold * 2 < samples;
  }
}

function isPaged(offsetBytes: number, into: Uint8Array): boolean {
  return offsetBytes % pageBytes === 0 && into.length % pageBytes === 0 && isAligned(into);
}
