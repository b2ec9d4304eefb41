import { dirname, join, resolve } from "node:path";

import { throwIfCancelled } from "#errors/cancelled.ts";
import type { ListedObject, ObjectKey, Pieces, Store, StoreTraits } from "#store/contract.ts";
import { fileError } from "#store/file-error.ts";
import { orNull } from "#store/files.ts";
import type { FileStat, Files, FolderEntry } from "#store/files.ts";
import { listFolders } from "#store/list-folder.ts";
import { nodeFiles } from "#store/node-files.ts";
import { tooLargeError } from "#store/object-errors.ts";
import { checkKey } from "#store/object-key.ts";
import { ObjectWriter } from "#store/object-writer.ts";
import { OpenObject } from "#store/open-object.ts";
import { OpenObjects } from "#store/open-objects.ts";
import { OpenRoot } from "#store/open-root.ts";
import { removeStaleTemporaries } from "#store/temporaries.ts";

const openAtMost = 256;

export type DirectoryStoreOptions = {
  /** The root lies on one disk, without redundancy below it. True unless told otherwise. */
  readonly singleDisk?: boolean;
  readonly files?: Files;
};

/**
 * Opens a folder as a store: the object `a/b` is the file `a/b` in it.
 *
 * Does not look at what is in the folder, apart from removing temporaries that crashed runs left.
 *
 * @throws {LockstepError} STORE_MISSING: there is no such folder · STORE_DENIED · STORE_UNAVAILABLE
 * @see docs/adr/0001-directory-store.md
 */
export async function openDirectoryStore(
  path: string,
  options: DirectoryStoreOptions,
  signal: AbortSignal,
): Promise<Store> {
  throwIfCancelled(signal);
  const { files = nodeFiles, singleDisk = true } = options;
  const name = `directory ${path}`;
  try {
    const root = await OpenRoot.open(files, resolve(path), name);
    await removeStaleTemporaries(files, root.path);
    return new DirectoryStore(root, { singleDisk });
  } catch (error) {
    throw fileError(error, `open ${name}`);
  }
}

class DirectoryStore implements Store {
  readonly name: string;
  readonly traits: StoreTraits;
  readonly #root: OpenRoot;
  readonly #writer: ObjectWriter;
  readonly #open: OpenObjects;

  constructor(root: OpenRoot, traits: StoreTraits) {
    this.name = root.name;
    this.traits = traits;
    this.#root = root;
    this.#writer = new ObjectWriter(root);
    this.#open = new OpenObjects(openAtMost, (path) => this.#openDurable(path));
  }

  async put(
    key: ObjectKey,
    body: Pieces,
    _options: { readonly retainUntil?: Temporal.Instant },
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    const path = this.#pathOf(key, signal);
    return this.#writer.put(key, path, body, signal);
  }

  async get(key: ObjectKey, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null> {
    const path = this.#pathOf(key, signal);
    try {
      const opened = await this.#openDurable(path);
      if (opened === null) return await this.#root.absent();
      await using object = opened;
      const { sizeBytes } = object.stat;
      if (sizeBytes > limitBytes) throw tooLargeError(this.name, key, sizeBytes, limitBytes);
      const bytes = new Uint8Array(sizeBytes);
      return bytes.subarray(0, await object.read(0, bytes));
    } catch (error) {
      throw fileError(error, `read ${key} from ${this.name}`);
    }
  }

  async read(key: ObjectKey, offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<number | null> {
    const path = this.#pathOf(key, signal);
    try {
      for (;;) {
        const got = await this.#open.use(path, async (object) => {
          // An open file outlives its deletion, so what the key stands for now is asked beside the read.
          const [bytes, now] = await Promise.all([object.read(offsetBytes, into), this.#statObject(path)]);
          return now?.id === object.stat.id ? bytes : "stale";
        });
        if (got === null) return await this.#root.absent();
        if (got !== "stale") return got;
        await this.#open.drop(path);
      }
    } catch (error) {
      throw fileError(error, `read ${key} from ${this.name}`);
    }
  }

  async lend<Result>(
    key: ObjectKey,
    use: (descriptor: number) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result | null> {
    const path = this.#pathOf(key, signal);
    type Lent = { readonly result: Result } | { readonly failure: unknown };
    let lent: Lent | null;
    try {
      lent = await this.#open.use(path, async (object): Promise<Lent | null> => {
        const descriptor = object.cachedDescriptor();
        if (descriptor === null) return null;
        try {
          return { result: await use(descriptor) };
        } catch (failure) {
          return { failure }; // the borrower's, not the store's
        }
      });
    } catch (error) {
      throw fileError(error, `open ${key} in ${this.name}`);
    }
    if (lent === null) return null;
    if ("failure" in lent) throw lent.failure;
    return lent.result;
  }

  async stat(key: ObjectKey, signal: AbortSignal): Promise<{ readonly sizeBytes: number } | null> {
    const path = this.#pathOf(key, signal);
    try {
      const stat = await this.#statObject(path);
      if (stat === null) return await this.#root.absent();
      if (stat.links > 1) await this.#root.folders.sync(dirname(path));
      return { sizeBytes: stat.sizeBytes };
    } catch (error) {
      throw fileError(error, `look at ${key} in ${this.name}`);
    }
  }

  async *list(
    prefix: string,
    { after = "" }: { readonly after?: ObjectKey },
    signal: AbortSignal,
  ): AsyncIterable<ListedObject> {
    const source = {
      files: this.#root.files,
      root: this.#root.path,
      entries: (folder: string): Promise<readonly FolderEntry[]> => this.#entries(folder),
    };
    throwIfCancelled(signal);
    try {
      yield* listFolders(source, prefix, after, signal);
    } catch (error) {
      throw fileError(error, `list ${prefix} in ${this.name}`);
    }
  }

  async delete(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const path = this.#pathOf(key, signal);
    try {
      await this.#open.drop(path);
      await orNull(this.#root.files.unlink(path), "ENOENT", "ENOTDIR", "EISDIR");
      // Also where it was gone already: the process that removed it may have died before it synced the folder.
      const synced = await orNull(this.#syncThere(dirname(path)), "ENOENT", "ENOTDIR");
      if (synced === null) await this.#root.absent();
    } catch (error) {
      throw fileError(error, `delete ${key} from ${this.name}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }

  #pathOf(key: ObjectKey, signal: AbortSignal): string {
    checkKey(key);
    throwIfCancelled(signal);
    return join(this.#root.path, key);
  }

  async #openDurable(path: string): Promise<OpenObject | null> {
    const object = await OpenObject.open(this.#root.files, path);
    if (object === null || object.stat.links === 1) return object;
    try {
      await this.#root.folders.sync(dirname(path));
      return object;
    } catch (error) {
      await object[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #statObject(path: string): Promise<FileStat | null> {
    const stat = await orNull(this.#root.files.stat(path), "ENOENT", "ENOTDIR", "ELOOP");
    return stat?.kind === "file" ? stat : null;
  }

  /** Names in a folder, all of them durable; none when the folder is absent. */
  async #entries(folder: string): Promise<readonly FolderEntry[]> {
    const entries = await orNull(this.#root.files.readFolder(folder), "ENOENT", "ENOTDIR");
    if (entries === null) {
      await this.#root.absent();
      return [];
    }
    await this.#root.folders.sync(folder);
    return entries;
  }

  async #syncThere(folder: string): Promise<true> {
    await this.#root.folders.sync(folder);
    return true;
  }
}
