import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError } from "#errors/errors.ts";

/** The error for a disk that could not be opened or looked up; anything but a system call's error as it is. */
export function diskOpenFailure(shown: string, error: unknown): Error {
  const name = systemErrorName(error);
  switch (name) {
    case null:
      return error instanceof Error ? error : new Error(String(error));
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENXIO":
    case "ENODEV":
    case "ENOMEDIUM":
      return new LockstepError("DISK_MISSING", `opening ${shown}: it is not there (${name})`, {
        hint: "Check the path, and that the disk is attached or its file system mounted.",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new LockstepError("DISK_DENIED", `opening ${shown}: this user may not read it (${name})`, {
        hint: "Run as a user that may, such as one in the group that owns the disk.",
        cause: error,
      });
    default:
      return new LockstepError("DISK_UNREADABLE", `opening ${shown} failed: ${name}`, { cause: error });
  }
}
