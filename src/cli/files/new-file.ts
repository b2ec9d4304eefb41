import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";

import { isThere } from "#disk/is-there.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * Refuses to begin what ends with a new file that cannot be made: since what goes into it is given once.
 *
 * @param doing  such as `revealing a value`
 * @throws {LockstepError} TARGET_EXISTS; TARGET_MISSING, TARGET_DENIED, TARGET_UNWRITABLE: of its folder
 */
export async function refuseUnmakable(doing: string, path: string): Promise<void> {
  if (await isThere(path)) throw new LockstepError("TARGET_EXISTS", `${doing}: ${path} is there already`);
  const folder = dirname(path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw targetFailure(`${doing}: writing into ${folder}`, error);
  }
}
