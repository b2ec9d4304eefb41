import { basename, extname } from "node:path";

import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { DiskPlace } from "#ops/machines/disk-definition.ts";
import { parseDiskName } from "#policy/names.ts";

/** A disk as somebody typed it: with a name, or without. */
export type TypedDisk = { readonly name: string | null; readonly path: string };

/**
 * Parses `PATH` or `NAME=PATH`. What stands before the first `=` is a name unless there is a slash in it: a file that is
 * called `a=b.raw` is typed as `./a=b.raw`.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: a name that cannot be one, or no path
 */
export function parseTypedDisk(text: string): TypedDisk {
  const at = text.indexOf("=");
  const before = text.slice(0, Math.max(0, at));
  const typed =
    at < 0 || before.includes("/")
      ? { name: null, path: text }
      : { name: parseDiskName(before), path: text.slice(at + 1) };
  if (typed.path !== "") return typed;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" does not name a disk`, {
    hint: "Write a path, or a name and a path, such as root=/images/web01.raw.",
  });
}

/**
 * Gives names to disks that have none: the file's without its ending, else `disk1` and so on.
 *
 * @param taken  names that the machine has already
 * @throws {LockstepError} NAME_TAKEN: a name that was typed is there twice
 */
export function nameDisks(typed: readonly TypedDisk[], taken: readonly string[]): readonly DiskPlace[] {
  const used = new Set(taken);
  for (const { name } of typed) {
    if (name === null) continue;
    if (used.has(name)) throw new LockstepError("NAME_TAKEN", `the machine has two disks called ${name}`);
    used.add(name);
  }
  return typed.map(({ name, path }) => {
    const given = name ?? freeName(path, used);
    used.add(given);
    return { name: given, path };
  });
}

function freeName(path: string, used: ReadonlySet<string>): string {
  const stem = basename(path, extname(path));
  if (isDiskName(stem) && !used.has(stem)) return stem;
  for (let number = 1; ; number++) {
    if (!used.has(`disk${number}`)) return `disk${number}`;
  }
}

function isDiskName(text: string): boolean {
  try {
    parseDiskName(text);
    return true;
  } catch (error) {
    if (isLockstepError(error, "ARGUMENT_INVALID")) return false;
    throw error;
  }
}
