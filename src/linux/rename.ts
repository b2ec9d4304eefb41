import { getSystemErrorName } from "node:util";

import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const renameat2 = libc.func(
  "int renameat2(int fromFolder, const char *from, int toFolder, const char *to, unsigned int flags)",
);

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;

/** Renames a file unless the new name is taken; the error's name (EEXIST then) where that fails (renameat2(2)). */
export function renameToNew(from: string, to: string): string | null {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) === 0) return null;
  return getSystemErrorName(-koffi.errno());
}
