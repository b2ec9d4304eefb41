import { basename } from "node:path";

import type { App } from "#cli/app/app.ts";
import { readOrCreateKeyFile } from "#cli/files/key-files.ts";
import { LockstepError } from "#errors/errors.ts";
import type { NewWay } from "#vault/keyring/unlock-way.ts";

/**
 * What opens a new vault wherever it is: what an option names, else a passphrase that is asked for.
 *
 * @param left  a key file that is made is added to it
 * @throws {LockstepError} ARGUMENT_INVALID: both kinds are named, or none and nobody can be asked; KEY_FILE_INVALID; and what
 *   `App.passphrase` throws
 */
export async function firstUnlockWay(
  { flags, config, host, random, output, passphrase }: App,
  left: string[],
): Promise<NewWay> {
  if (flags.keyFile !== undefined) {
    if (flags.passphraseFile !== undefined) {
      throw new LockstepError("ARGUMENT_INVALID", "making a vault: --passphrase-file and --key-file are both there", {
        hint: "Make it with one of them, and add the other with `lockstep vault unlock add`.",
      });
    }
    const { key, made } = await readOrCreateKeyFile(flags.keyFile, random, (warning) => output.warn(warning));
    if (made) left.push(flags.keyFile);
    return { label: `key file ${basename(flags.keyFile)}`, secret: { kind: "keyfile", key } };
  }
  if (config.passphraseFile.value === null && !host.stdinIsTerminal) {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      "making a vault: nothing says what opens it, and there is no terminal to ask at",
      {
        hint: "Name a file with a passphrase by --passphrase-file, or a key file to be made by --key-file.",
      },
    );
  }
  const typed = await passphrase({ message: "Passphrase of the new vault", repeat: true });
  return { label: "passphrase", secret: { kind: "passphrase", passphrase: typed } };
}
