import { dirname, join } from "node:path";

import { throwIfCancelled } from "#errors/cancelled.ts";
import type { LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Pieces } from "#store/contract.ts";
import { fileError, unsettledError } from "#store/file-error.ts";
import { codeOf, orNull } from "#store/files.ts";
import type { OpenFile } from "#store/files.ts";
import { makeIfAbsent } from "#store/folders.ts";
import { placeTakenError } from "#store/object-errors.ts";
import { OpenObject } from "#store/open-object.ts";
import type { OpenRoot } from "#store/open-root.ts";
import { publish } from "#store/publish.ts";
import { createTemporary, temporaryFolder } from "#store/temporaries.ts";
import { writeBody } from "#store/write-body.ts";

/** How often an object may be gone again when it is looked at whose name was taken. */
const PUBLISH_TRIES = 10;

/**
 * Puts objects into a directory store.
 *
 * The order is the safety: a temporary file is written and synced, then gets the object's name as a second one, then
 * the folder is synced, then the put is answered and the first name goes.
 */
export class ObjectWriter {
  readonly #root: OpenRoot;
  #directRefused = false;

  constructor(root: OpenRoot) {
    this.#root = root;
  }

  /** `Store.put` for a checked key, whose file is `path`. */
  async put(key: ObjectKey, path: string, body: Pieces, signal: AbortSignal): Promise<"created" | "exists"> {
    const doing = `write ${key} to ${this.#root.name}`;
    let temporary: string | null = null;
    try {
      if (await this.#settleExisting(path, doing)) return "exists"; // so a put that is repeated writes its body once
      temporary = await this.#writeTemporary(body, signal);
      await this.#root.folders.make(dirname(path));
      for (let tries = 1; ; tries++) {
        throwIfCancelled(signal);
        if (await publish(this.#root.files, temporary, path)) break;
        if (!(await this.#settleExisting(path, doing))) {
          if (tries < PUBLISH_TRIES) continue; // deleted meanwhile
          throw placeTakenError(doing, "itself"); // such as a link that leads nowhere
        }
        await this.#discard(temporary);
        return "exists";
      }
    } catch (error) {
      if (temporary !== null) await this.#discard(temporary);
      throw await this.#putError(error, path, doing);
    }
    try {
      // The temporary's name stays until the object's is durable: a second name tells readers to see to that themselves.
      await this.#root.folders.sync(dirname(path));
    } catch (error) {
      throw unsettledError(error, doing);
    }
    await this.#discard(temporary);
    return "created";
  }

  /** A synced file of its own with the body in it. */
  async #writeTemporary(body: Pieces, signal: AbortSignal): Promise<string> {
    const { path, file } = await this.#createTemporary();
    try {
      const openDirect = async (): Promise<OpenFile | null> =>
        this.#directRefused ? null : orNull(this.#root.files.open(path, "write-direct"), "EINVAL");
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
    const created = await orNull(createTemporary(this.#root.files, this.#root.path), "ENOENT");
    if (created !== null) return created;
    await this.#root.absent(); // never make folders where another file system was mounted before
    await makeIfAbsent(this.#root.files, join(this.#root.path, temporaryFolder));
    return createTemporary(this.#root.files, this.#root.path);
  }

  async #discard(temporary: string): Promise<void> {
    await orNothing(this.#root.files.unlink(temporary)); // one that stays is found when the store is opened later
  }

  /** Whether there is an object. When there is, it is durable, also where another process put it. */
  async #settleExisting(path: string, doing: string): Promise<boolean> {
    const opened = await OpenObject.open(this.#root.files, path);
    if (opened === null) {
      const stat = await orNull(this.#root.files.stat(path), "ENOENT", "ENOTDIR", "ELOOP");
      if (stat !== null && stat.kind !== "file") throw placeTakenError(doing, "itself");
      return false;
    }
    await using object = opened;
    await object.sync();
    await this.#root.folders.sync(dirname(path));
    return true;
  }

  async #putError(error: unknown, path: string, doing: string): Promise<LockstepError> {
    const code = codeOf(error);
    if (code === "ENOTDIR" || code === "ENOENT") this.#root.folders.forget(dirname(path));
    if (code === "ENOTDIR") return placeTakenError(doing, "above");
    if (code === "ENOENT") {
      // A folder or the temporary was removed under us. The next try makes both again, if the root is still there.
      const gone = await this.#root.absent().catch((reason: unknown) => reason);
      if (gone !== null) return fileError(gone, doing);
    }
    return fileError(error, doing);
  }
}

async function orNothing(done: Promise<void>): Promise<void> {
  await done.catch(() => undefined);
}
