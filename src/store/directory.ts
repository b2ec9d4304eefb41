import { dirname, join, resolve } from "node:path";

import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ListedObject, ObjectKey, Pieces, Store, StoreTraits } from "#store/contract.ts";
import { fileError, unsettledError } from "#store/file-error.ts";
import { codeOf, orNull } from "#store/files.ts";
import type { FileStat, Files, FolderEntry, OpenFile } from "#store/files.ts";
import { Folders, makeIfAbsent } from "#store/folders.ts";
import { listFolders } from "#store/list-folder.ts";
import { nodeFiles } from "#store/node-files.ts";
import { nestedKeyError, tooLargeError } from "#store/object-errors.ts";
import { checkKey } from "#store/object-key.ts";
import { OpenObject } from "#store/open-object.ts";
import { OpenObjects } from "#store/open-objects.ts";
import { publish } from "#store/publish.ts";
import { createTemporary, removeStaleTemporaries, temporaryFolder } from "#store/temporaries.ts";
import { writeBody } from "#store/write-body.ts";

const openAtMost = 64;

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
  const root = resolve(path);
  const name = `directory ${path}`;
  try {
    const stat = await orNull(files.stat(root), "ENOENT", "ENOTDIR");
    if (stat?.kind !== "folder") throw missingError(name);
    await removeStaleTemporaries(files, root);
    return new DirectoryStore({ root, rootId: stat.id, name, files, traits: { singleDisk } });
  } catch (error) {
    throw fileError(error, `open ${name}`);
  }
}

type Setup = {
  readonly root: string;
  readonly rootId: string;
  readonly name: string;
  readonly files: Files;
  readonly traits: StoreTraits;
};

class DirectoryStore implements Store {
  readonly name: string;
  readonly traits: StoreTraits;
  readonly #files: Files;
  readonly #root: string;
  readonly #rootId: string;
  readonly #folders: Folders;
  readonly #open: OpenObjects;
  #directRefused = false;

  constructor({ root, rootId, name, files, traits }: Setup) {
    this.name = name;
    this.traits = traits;
    this.#files = files;
    this.#root = root;
    this.#rootId = rootId;
    this.#folders = new Folders(files, root);
    this.#open = new OpenObjects(openAtMost, (path) => this.#openDurable(path));
  }

  async put(
    key: ObjectKey,
    body: Pieces,
    _options: { readonly retainUntil?: Temporal.Instant },
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    const path = this.#pathOf(key, signal);
    const doing = `write ${key} to ${this.name}`;
    let temporary: string | null = null;
    try {
      if (await this.#settleExisting(key, path)) return "exists"; // so a put that is repeated writes its body once
      temporary = await this.#writeTemporary(body, signal);
      await this.#folders.make(dirname(path));
      throwIfCancelled(signal);
      while (!(await publish(this.#files, temporary, path))) {
        if (!(await this.#settleExisting(key, path))) continue; // deleted meanwhile
        await this.#discard(temporary);
        return "exists";
      }
    } catch (error) {
      if (temporary !== null) await this.#discard(temporary);
      throw await this.#putError(error, key, path, doing);
    }
    try {
      // The temporary's name stays until the object's is durable: a second name tells readers to see to that themselves.
      await this.#folders.sync(dirname(path));
    } catch (error) {
      throw unsettledError(error, doing);
    }
    await this.#discard(temporary);
    return "created";
  }

  async get(key: ObjectKey, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null> {
    const path = this.#pathOf(key, signal);
    try {
      const opened = await this.#openDurable(path);
      if (opened === null) return await this.#absent();
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
        if (got === null) return await this.#absent();
        if (got !== "stale") return got;
        await this.#open.drop(path);
      }
    } catch (error) {
      throw fileError(error, `read ${key} from ${this.name}`);
    }
  }

  async stat(key: ObjectKey, signal: AbortSignal): Promise<{ readonly sizeBytes: number } | null> {
    const path = this.#pathOf(key, signal);
    try {
      const stat = await this.#statObject(path);
      if (stat === null) return await this.#absent();
      if (stat.links > 1) await this.#folders.sync(dirname(path));
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
      files: this.#files,
      root: this.#root,
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
      await orNull(this.#files.unlink(path), "ENOENT", "ENOTDIR", "EISDIR");
      // Also where it was gone already: whoever removed it may have died before the folder was synced.
      const synced = await orNull(this.#syncThere(dirname(path)), "ENOENT", "ENOTDIR");
      if (synced === null) await this.#absent();
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
    return join(this.#root, key);
  }

  /** A synced file of its own with the body in it. */
  async #writeTemporary(body: Pieces, signal: AbortSignal): Promise<string> {
    const { path, file } = await this.#createTemporary();
    try {
      const openDirect = async (): Promise<OpenFile | null> =>
        this.#directRefused ? null : orNull(this.#files.open(path, "write-direct"), "EINVAL");
      if (!(await writeBody(file, openDirect, body, signal))) this.#directRefused = true;
      await file.sync();
    } catch (error) {
      await orNothing(file.close());
      await this.#discard(path);
      throw error;
    }
    await file.close();
    return path;
  }

  async #createTemporary(): Promise<{ path: string; file: OpenFile }> {
    const created = await orNull(createTemporary(this.#files, this.#root), "ENOENT");
    if (created !== null) return created;
    await this.#absent(); // never make folders where another file system was mounted before
    await makeIfAbsent(this.#files, join(this.#root, temporaryFolder));
    return createTemporary(this.#files, this.#root);
  }

  async #discard(temporary: string): Promise<void> {
    await orNothing(this.#files.unlink(temporary)); // one that stays is found when the store is opened later
  }

  /** Whether there is an object; it is durable then, whoever put it. */
  async #settleExisting(key: ObjectKey, path: string): Promise<boolean> {
    const opened = await OpenObject.open(this.#files, path);
    if (opened === null) {
      const stat = await orNull(this.#files.stat(path), "ENOENT", "ENOTDIR");
      if (stat !== null && stat.kind !== "file") throw nestedKeyError(key, key);
      return false;
    }
    await using object = opened;
    await object.sync();
    await this.#folders.sync(dirname(path));
    return true;
  }

  async #putError(error: unknown, key: ObjectKey, path: string, doing: string): Promise<LockstepError> {
    const code = codeOf(error);
    if (code === "ENOTDIR" || code === "ENOENT") this.#folders.forget(dirname(path));
    if (code === "ENOTDIR") return nestedKeyError(key, dirname(key));
    if (code === "ENOENT") {
      // A folder or the temporary was removed under us. The next try makes both again, if the root is still there.
      const gone = await this.#absent().catch((reason: unknown) => reason);
      if (gone !== null) return fileError(gone, doing);
    }
    return fileError(error, doing);
  }

  async #openDurable(path: string): Promise<OpenObject | null> {
    const object = await OpenObject.open(this.#files, path);
    if (object === null || object.stat.links === 1) return object;
    try {
      await this.#folders.sync(dirname(path));
      return object;
    } catch (error) {
      await object[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #statObject(path: string): Promise<FileStat | null> {
    const stat = await orNull(this.#files.stat(path), "ENOENT", "ENOTDIR");
    return stat?.kind === "file" ? stat : null;
  }

  /** Names in a folder, all of them durable; none when the folder is absent. */
  async #entries(folder: string): Promise<readonly FolderEntry[]> {
    const entries = await orNull(this.#files.readFolder(folder), "ENOENT", "ENOTDIR");
    if (entries === null) {
      await this.#absent();
      return [];
    }
    await this.#folders.sync(folder);
    return entries;
  }

  async #syncThere(folder: string): Promise<true> {
    await this.#folders.sync(folder);
    return true;
  }

  /** Null for "no such object", which is only true while the root is the folder that was opened. */
  async #absent(): Promise<null> {
    const stat = await orNull(this.#files.stat(this.#root), "ENOENT", "ENOTDIR");
    if (stat?.id !== this.#rootId) throw missingError(this.name);
    return null;
  }
}

async function orNothing(done: Promise<void>): Promise<void> {
  await done.catch(() => undefined);
}

function missingError(name: string): LockstepError {
  return new LockstepError("STORE_MISSING", `There is no ${name}.`, {
    hint: "Check the path, and that the disk or share it lies on is mounted.",
  });
}
