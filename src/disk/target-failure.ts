import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * The error for a system call on a target that failed; anything but a system call's error as it is.
 *
 * @param doing  such as `writing /restore/web01.raw at byte 4096`
 */
export function targetFailure(doing: string, error: unknown): Error {
  const name = systemErrorName(error);
  switch (name) {
    case null:
      return error instanceof Error ? error : new Error(String(error));
    case "ENOSPC":
    case "EDQUOT":
      return new LockstepError("TARGET_FULL", `${doing}: no room left (${name})`, {
        hint: "Make room and run the same command again: it goes on where it stopped.",
        cause: error,
      });
    case "EFBIG":
      return new LockstepError("TARGET_FULL", `${doing}: the file system cannot hold a file of that size`, {
        hint: "Restore to another file system.",
        cause: error,
      });
    case "ENOTDIR":
      return new LockstepError(
        "TARGET_MISSING",
        `${doing}: what should be a folder on the way to it is none (${name})`,
        {
          hint: "Check the path.",
          cause: error,
        },
      );
    case "ENOENT":
    case "ELOOP":
    case "ENXIO":
    case "ENODEV":
    case "ENOMEDIUM":
      return new LockstepError("TARGET_MISSING", `${doing}: it is not there (${name})`, {
        hint: "Check the path. Folders on the way to a new file must exist.",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new LockstepError("TARGET_DENIED", `${doing}: this user may not write there (${name})`, {
        hint: "Run as a user that may, or name another place.",
        cause: error,
      });
    case "EBUSY":
    case "ETXTBSY":
      return new LockstepError("TARGET_IN_USE", `${doing}: it is in use (${name})`, {
        hint: "Stop what uses it, or name another place.",
        cause: error,
      });
    case "ENAMETOOLONG":
      return new LockstepError("ARGUMENT_INVALID", `${doing}: its name is too long (${name})`, {
        hint: "Choose a shorter one. Until a new file is whole, .lockstep-partial is behind its name.",
        cause: error,
      });
    default:
      return new LockstepError("TARGET_UNWRITABLE", `${doing} failed: ${name}`, {
        hint: "Look at the kernel's log and the health of the medium.",
        cause: error,
      });
  }
}
