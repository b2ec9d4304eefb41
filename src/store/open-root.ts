import { LockstepError } from "#errors/errors.ts";
import { orNull } from "#store/files.ts";
import type { Files } from "#store/files.ts";
import { Folders } from "#store/folders.ts";

/** The root folder of a directory store, as it was when the store was opened. */
export class OpenRoot {
  readonly files: Files;
  readonly path: string;
  /** For messages. */
  readonly name: string;
  readonly folders: Folders;
  readonly #id: string;

  private constructor(files: Files, path: string, name: string, id: string) {
    this.files = files;
    this.path = path;
    this.name = name;
    this.folders = new Folders(files, path);
    this.#id = id;
  }

  /** @throws {LockstepError} STORE_MISSING: there is no such folder; and whatever the files throw */
  static async open(files: Files, path: string, name: string): Promise<OpenRoot> {
    const stat = await orNull(files.stat(path), "ENOENT", "ENOTDIR", "ELOOP");
    if (stat?.kind !== "folder") throw missingError(name);
    return new OpenRoot(files, path, name, stat.id);
  }

  /**
   * Null for "it is not there", which says something only while the root is the folder that was opened: below a mount
   * point whose disk went away nothing is there.
   *
   * @throws {LockstepError} STORE_MISSING: it is not; and whatever the files throw
   */
  async absent(): Promise<null> {
    const stat = await orNull(this.files.stat(this.path), "ENOENT", "ENOTDIR");
    if (stat?.id !== this.#id) throw missingError(this.name);
    return null;
  }
}

function missingError(name: string): LockstepError {
  return new LockstepError("STORE_MISSING", `There is no ${name}.`, {
    hint: "Check the path, and that the disk or share it lies on is mounted.",
  });
}
