import { lstat } from "node:fs/promises";

import { systemErrorName } from "#disk/system-error.ts";
import { targetFailure } from "#disk/target-failure.ts";

/** Whether anything has this path, a link that leads nowhere too. @throws {LockstepError} TARGET_DENIED, TARGET_MISSING */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemErrorName(error) === "ENOENT") return false;
    throw targetFailure(`looking at ${path}`, error);
  }
}
