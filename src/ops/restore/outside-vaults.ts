import { access, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";

import { LockstepError } from "#errors/errors.ts";

/** What a vault that is a folder has in it. */
const ofVault = ["vault.json", "keyring"];

/**
 * Refuses to restore to what lies in a vault, be it this one, another one or a copy: an object that is overwritten is lost with
 * all that it holds. Links are followed, but a hard link from elsewhere is not known for what it is.
 *
 * @param path  absolute; it need not be there
 * @throws {LockstepError} TARGET_UNSUPPORTED
 */
export async function requireOutsideVaults(path: string): Promise<void> {
  const vault = await vaultAround(await whereItLeads(path));
  if (vault === null) return;
  throw new LockstepError("TARGET_UNSUPPORTED", `restoring to ${path}: it lies in the vault ${vault}`, {
    hint: "Name a place outside of it.",
  });
}

/** The folder, this one or one above it, that is a vault. @returns null where none is, or cannot be looked at */
export async function vaultAround(folder: string): Promise<string | null> {
  const all = await Promise.all(ofVault.map(async (name) => isThere(join(folder, name))));
  if (all.every(Boolean)) return folder;
  const above = dirname(folder);
  return above === folder ? null : await vaultAround(above);
}

/** A path without links, as far as it is there. */
async function whereItLeads(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path === dirname(path) ? path : await whereItLeads(dirname(path));
  }
}

/** False also where it cannot be looked at. */
async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
