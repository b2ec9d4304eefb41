import { readdir } from "node:fs/promises";
import { dirname } from "node:path";

import { isSystemError } from "#cli/files/key-files.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";
import { vaultAround } from "#ops/restore/outside-vaults.ts";
import { temporaryFolder } from "#store/temporaries.ts";

/** What may be in the folder of a new vault: nothing of anybody's. */
const harmless: ReadonlySet<string> = new Set([temporaryFolder, "lost+found"]);

/** What a vault has in its folder, or one that was not finished. */
const ofVault: ReadonlySet<string> = new Set(["vault.json", "keyring", "copies"]);

/**
 * Refuses a folder in which no vault can be made.
 *
 * @throws {LockstepError} VAULT_EXISTS: there is a vault, or a part of one, or it lies in one; ARGUMENT_INVALID: it is no folder, or has other
 *   things in it; STORE_DENIED: this user may not look into it
 */
export async function refuseUsedFolder(folder: string): Promise<void> {
  await refuseInsideVault(folder);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return;
    throw unreadableFolder(folder, error);
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

function unreadableFolder(folder: string, error: unknown): LockstepError {
  const name = systemErrorName(error);
  if (name === "EACCES" || name === "EPERM") {
    return new LockstepError("STORE_DENIED", `making a vault in ${folder}: this user may not look into it (${name})`, {
      hint: "Check its owner and mode, or run as a user that may.",
      cause: error,
    });
  }
  const why = name === "ENOTDIR" ? "it, or something on the way to it, is no folder" : systemWords(error);
  return new LockstepError("ARGUMENT_INVALID", `making a vault in ${folder}: ${why}`, {
    hint: "Name a folder that is empty, or not there yet.",
    cause: error,
  });
}

/** What a vault does not know in its folder, it calls damage. */
async function refuseInsideVault(folder: string): Promise<void> {
  const vault = await vaultAround(dirname(folder));
  if (vault === null) return;
  throw new LockstepError("VAULT_EXISTS", `making a vault in ${folder}: it lies in the vault ${vault}`, {
    hint: "Use that one: it takes any number of machines. Or name a folder outside of it.",
  });
}
