import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { createFile } from "#cli/durable-file.ts";
import type { Config } from "#cli/settings.ts";
import { messageOf } from "#errors/errors.ts";

/**
 * Sees to it that later commands find a new vault: writes the configuration where there is none and nothing else names a
 * vault.
 *
 * @returns  what was done, or what to do, as a sentence
 */
export async function nameVaultInConfig(
  { config, vault }: Config,
  folder: string,
): Promise<{ readonly written: boolean; readonly words: string }> {
  const line = `vault = ${JSON.stringify(folder)}`; // what JSON escapes, TOML escapes alike
  if (vault.value === folder) return { written: false, words: "It is the vault that later commands use." };
  if (vault.value !== null) {
    return { written: false, words: `Later commands use ${vault.value}; for this one, give them --vault ${folder}.` };
  }
  const byHand = `Name it in ${config.value} (${line}), or by LOCKSTEP_VAULT or --vault.`;
  try {
    await mkdir(dirname(config.value), { recursive: true });
    await createFile(config.value, `${line}\n`, 0o644);
    return { written: true, words: `The new configuration ${config.value} names it.` };
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    return { written: false, words: isThere ? byHand : `${byHand} Writing it there failed: ${messageOf(error)}.` };
  }
}
