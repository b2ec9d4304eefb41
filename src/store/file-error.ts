import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";
import { codeOf } from "#store/files.ts";

/**
 * The store's error for a failed file operation; a LockstepError stays as it is.
 *
 * @param doing  what could not be done, such as `write a/b to directory /vault`
 */
export function fileError(error: unknown, doing: string): LockstepError {
  if (error instanceof LockstepError) return error;
  const message = `Cannot ${doing}: ${systemWords(error)}`;
  switch (codeOf(error)) {
    case "ENOSPC":
      return new LockstepError("STORE_FULL", message, { hint: "Make room on that file system.", cause: error });
    case "EDQUOT":
      return new LockstepError("STORE_FULL", message, { hint: "Raise the quota of this user there.", cause: error });
    case "EACCES":
    case "EPERM":
      return new LockstepError("STORE_DENIED", message, { hint: "Check the owner and mode of it.", cause: error });
    case "EROFS":
      return new LockstepError("STORE_DENIED", message, { hint: "Mount that file system writable.", cause: error });
    case "EMFILE":
    case "ENFILE":
      return new LockstepError("STORE_UNAVAILABLE", message, { hint: "Raise the limit of open files.", cause: error });
    case "EIO":
      return new LockstepError("STORE_UNAVAILABLE", message, {
        hint: "The disk may be failing: look at the kernel's log.",
        cause: error,
      });
    default:
      return new LockstepError("STORE_UNAVAILABLE", message, { cause: error });
  }
}

/** The error of a put that failed after its object could be seen: it may have taken effect, whatever the reason. */
export function unsettledError(error: unknown, doing: string): LockstepError {
  return new LockstepError("STORE_UNAVAILABLE", `Cannot ${doing} for certain: ${systemWords(error)}`, { cause: error });
}
