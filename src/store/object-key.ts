import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";

const maxKeyBytes = 512;
const maxNameBytes = 255; // NAME_MAX of Linux file systems
const name = /^[a-z0-9_-][a-z0-9._-]*$/;

/** What is wrong with `text` as a key, in words; null when nothing is. */
export function keyFault(text: string): string | null {
  if (text === "") return "it is empty";
  if (text.length > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`;
  for (const part of text.split("/")) {
    if (part === "") return "a name in it is empty";
    if (part.startsWith(".")) return `the name "${part}" starts with a dot`;
    if (!name.test(part)) return `the name "${part}" has a character other than a-z, 0-9, ".", "_" and "-"`;
    if (part.length > maxNameBytes) return `the name "${part}" is longer than ${maxNameBytes} bytes`;
  }
  return null;
}

/**
 * Checks the form of a key; see `ObjectKey`.
 *
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export function checkKey(key: ObjectKey): void {
  const fault = keyFault(key);
  if (fault !== null) throw new LockstepError("ARGUMENT_INVALID", `The object key "${key}" is not allowed: ${fault}.`);
}

/** The folders that a key lies in, outermost first: of `a/b/c` these are `a` and `a/b`. */
export function foldersOf(key: ObjectKey): string[] {
  const folders: string[] = [];
  for (let slash = key.indexOf("/"); slash >= 0; slash = key.indexOf("/", slash + 1)) folders.push(key.slice(0, slash));
  return folders;
}
