import { dirname } from "node:path";

import type { Config } from "#cli/app/settings.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { systemWords } from "#errors/system-words.ts";

/**
 * Sees to it that later commands find a new vault: writes the configuration where there is none and nothing else names a
 * vault. One that is named must be there for later commands, so it is written whatever else names a vault.
 *
 * @returns  what was done, or what to do, as a sentence
 */
export async function nameVaultInConfig(
  { config, vault }: Config,
  folder: string,
): Promise<{ readonly written: boolean; readonly words: string }> {
  const line = `vault = ${JSON.stringify(folder)}`; // what JSON escapes, TOML escapes alike
  const outranked = wordsOfOther(vault.value, folder);
  if (outranked !== null && (config.from === "default" || vault.from === "file")) {
    return { written: false, words: outranked };
  }
  const byHand = `Name it in ${config.value} (${line}), or by LOCKSTEP_VAULT or --vault.`;
  try {
    await makeFolder(dirname(config.value), 0o777);
    await createFile(config.value, `${line}\n`, 0o644);
    return { written: true, words: `The new configuration ${config.value} names it. ${outranked ?? ""}`.trimEnd() };
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const words = outranked ?? byHand;
    return {
      written: false,
      words: isThere ? words : `${words} Writing ${config.value} failed: ${systemWords(error)}.`,
    };
  }
}

/** What to say of a vault that a flag, the environment or the file names; null when none does. */
function wordsOfOther(named: string | null, folder: string): string | null {
  if (named === null) return null;
  if (named === folder) return "It is the vault that later commands use.";
  return `Later commands use ${named}; for this one, give them --vault ${folder}.`;
}
