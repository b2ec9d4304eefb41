import { resolve } from "node:path";

import type { Secret } from "#bytes/secret.ts";
import type { App } from "#cli/app/app.ts";
import { readKeyFile } from "#cli/files/key-files.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { LockstepError } from "#errors/errors.ts";

/** Files that were named as what opens a key store. */
export type SealFiles = { readonly passphraseFile: string | undefined; readonly keyFile: string | undefined };

/** What opens a key store, as it was given. */
export type GivenSealSecret = { readonly kind: "passphrase" | "key-file"; readonly secret: Secret };

/**
 * Reads what opens a key store from the file that was named, or asks for its passphrase where none was. Whoever gets it wipes it.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: two were named; KEY_FILE_INVALID, PASSPHRASE_FILE_INVALID; what `ask` throws
 */
export async function readSealSecret(
  { host, output, signal }: Pick<App, "host" | "output" | "signal">,
  { passphraseFile, keyFile }: SealFiles,
  ask: () => Promise<Secret>,
): Promise<GivenSealSecret> {
  if (passphraseFile !== undefined && keyFile !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "opening the key store: a passphrase and a key file are two things");
  }
  const warn = (warning: Parameters<typeof output.warn>[0]): void => output.warn(warning);
  if (passphraseFile !== undefined) {
    const path = resolve(host.workingFolder, passphraseFile);
    return { kind: "passphrase", secret: await readPassphraseFile(path, warn, signal) };
  }
  if (keyFile === undefined) return { kind: "passphrase", secret: await ask() };
  const path = resolve(host.workingFolder, keyFile);
  const secret = await readKeyFile(path, warn);
  if (secret !== null) return { kind: "key-file", secret };
  throw new LockstepError("FILE_MISSING", `reading the key file ${path} failed: it is not there`, {
    hint: "Check the path.",
  });
}
