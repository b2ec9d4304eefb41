import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";

/**
 * The error for a file that could not be read, in words that need no knowledge of system calls.
 *
 * @param doing  what was being done, with the path: `reading the key file /root/vault.key`
 * @param code   for a file that is there, and is not what is wanted: a folder, too long, no text
 * @param error  what was thrown; a LockstepError stays as it is
 * @param hint   where a path that is not there came from; undefined: from the command line
 * @returns      FILE_MISSING, FILE_DENIED, or an error with `code`
 */
export function readFailure(doing: string, code: ErrorCode, error: unknown, hint?: string): LockstepError {
  if (error instanceof LockstepError) return error;
  const name = systemErrorName(error);
  const failed = (which: ErrorCode, why: string, next?: string): LockstepError =>
    new LockstepError(which, `${doing} failed: ${why}`, { hint: next, cause: error });
  switch (name) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return failed("FILE_MISSING", `it is not there (${name})`, hint ?? "Check the path.");
    case "EACCES":
    case "EPERM":
      return failed(
        "FILE_DENIED",
        `this user may not read it (${name})`,
        "Check the owner and mode of it, or run as a user that may.",
      );
    case "EISDIR":
      return failed(code, "it is a folder", "Name a file.");
    case null:
      return failed(code, messageOf(error));
    default:
      return failed(code, name);
  }
}
