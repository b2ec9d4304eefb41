import { dirname } from "node:path";

import { codeOf } from "#store/files.ts";
import type { Files } from "#store/files.ts";

/**
 * The folders under a store's root, and which of them are known to survive a power cut.
 *
 * A name is durable when its folder was synced after it was made, and that folder's own name is durable. Another
 * process may have made a folder and died before it synced, so each is synced once by us too.
 */
export class Folders {
  readonly #files: Files;
  readonly #root: string;
  readonly #durable = new Set<string>();

  constructor(files: Files, root: string) {
    this.#files = files;
    this.#root = root;
  }

  /** Makes `folder` and those above it where absent; their names are durable once this resolves. */
  async make(folder: string): Promise<void> {
    await this.#secure(folder, true);
  }

  /** The names in `folder`, as they are now, are durable once this resolves. Makes nothing. */
  async sync(folder: string): Promise<void> {
    await this.#secure(folder, false);
    await this.#files.syncFolder(folder);
  }

  /** Forgets what is known of `folder` and those above it, since one of them turned out to be gone. */
  forget(folder: string): void {
    for (let above = folder; above !== this.#root; above = dirname(above)) this.#durable.delete(above);
  }

  async #secure(folder: string, make: boolean): Promise<void> {
    if (folder === this.#root || this.#durable.has(folder)) return;
    const above = dirname(folder);
    await this.#secure(above, make);
    if (make) await makeIfAbsent(this.#files, folder);
    await this.#files.syncFolder(above);
    this.#durable.add(folder);
  }
}

/** Makes a folder; nothing happens when the name is taken. Does not sync. */
export async function makeIfAbsent(files: Files, folder: string): Promise<void> {
  try {
    await files.makeFolder(folder);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}
