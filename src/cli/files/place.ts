import { fileURLToPath } from "node:url";

import { LockstepError } from "#errors/errors.ts";

/**
 * The folder that a place names.
 *
 * @param place  an absolute path, or a URL
 * @throws {LockstepError} ARGUMENT_INVALID: a URL of a kind that is not known; nothing at all
 */
export function folderOf(place: string): string {
  if (place === "") throw emptyPath();
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return place;
  try {
    const url = new URL(place);
    if (url.protocol === "file:") return fileURLToPath(url);
  } catch (error) {
    throw new LockstepError("ARGUMENT_INVALID", `"${place}" is not a place on this host`, { cause: error });
  }
  throw new LockstepError("ARGUMENT_INVALID", `"${place}" is not a kind of store that this Lockstep knows`, {
    hint: "Name a folder, or a file: URL.",
  });
}

/** The error for a path with nothing in it, which a shell's variable that is not set gives. */
export function emptyPath(): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", "a path on the command line is empty", {
    hint: "Is a variable of the shell not set? The working folder is named by a dot.",
  });
}
