import { access, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { isSystemError } from "#cli/files/key-files.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { temporaryFolder } from "#store/temporaries.ts";

/** What may be in the folder of a new vault: nothing of anybody's. */
const harmless: ReadonlySet<string> = new Set([temporaryFolder, "lost+found"]);

/** What a vault has in its folder, or one that was not finished. */
const ofVault: ReadonlySet<string> = new Set(["vault.json", "keyring", "copies"]);

/**
 * Refuses a folder in which no vault can be made.
 *
 * @throws {LockstepError} VAULT_EXISTS: there is a vault, or a part of one, or it lies in one; ARGUMENT_INVALID: it is no folder, has other
 *   things in it, or cannot be looked into
 */
export async function refuseUsedFolder(folder: string): Promise<void> {
  await refuseInsideVault(folder);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return;
    throw new LockstepError("ARGUMENT_INVALID", `making a vault in ${folder} failed: ${messageOf(error)}`, {
      hint: "Name a folder that is empty, or not there yet.",
      cause: error,
    });
  }
  if (names.some((name) => ofVault.has(name))) {
    const whole = names.includes("vault.json");
    throw new LockstepError(
      "VAULT_EXISTS",
      `making a vault in ${folder}: there is ${whole ? "one already" : "what is left of one that was not finished"}`,
      {
        hint: whole
          ? "Use it, or name another folder."
          : "Remove it if nobody is at work there, or name another folder.",
      },
    );
  }
  const other = names.find((name) => !harmless.has(name));
  if (other === undefined) return;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    `making a vault in ${folder}: there are other things in it, such as ${other}`,
    {
      hint: "Name a folder that is empty, or not there yet.",
    },
  );
}

/** What a vault does not know in its folder, it calls damage. */
async function refuseInsideVault(folder: string): Promise<void> {
  for (let above = dirname(folder); ; above = dirname(above)) {
    if (await isThere(join(above, "vault.json"))) {
      throw new LockstepError("VAULT_EXISTS", `making a vault in ${folder}: it lies in the vault ${above}`, {
        hint: "Use that one: it takes any number of machines. Or name a folder outside of it.",
      });
    }
    if (above === dirname(above)) return;
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
