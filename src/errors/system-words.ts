import { messageOf } from "#errors/errors.ts";

/**
 * Why something failed, in words and with the name of the system call's error: `this user may not (EACCES)`. Node's own message has the
 * call and the path in it, which the caller's message has already.
 *
 * @returns  the message of anything else that was thrown
 */
export function systemWords(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const words = reasons[code];
  return words === undefined ? messageOf(error) : `${words} (${code})`;
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user may not",
  EPERM: "this user may not",
  EROFS: "the file system is read-only",
  ENOENT: "it is not there",
  ENOTDIR: "what should be a folder is none",
  EISDIR: "it is a folder",
  EEXIST: "something of that name is there",
  ELOOP: "its symbolic links lead nowhere",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "no room is left",
  EDQUOT: "the quota is used up",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EIO: "the medium, or what it hangs on, failed",
  ETIMEDOUT: "there was no answer in time",
  ESTALE: "the file server does not know it any more",
};
