import { basename, resolve } from "node:path";

import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { readOrCreateKeyFile } from "#cli/files/key-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { shownWay, wayWords } from "#cli/shown/shown-way.ts";
import { LockstepError } from "#errors/errors.ts";
import { addUnlockWay } from "#ops/unlock/unlock-ways.ts";
import type { NewWay } from "#vault/keyring/unlock-way.ts";

type Options = {
  readonly newPassphraseFile?: string;
  readonly newKeyFile?: string;
  readonly thisHost?: true;
  readonly label?: string;
};

/** `vault unlock add` */
export const define: Define = (command, run) => {
  command
    .option("--new-passphrase-file <file>", "a passphrase, from this file; without an option, it is asked for")
    .option("--new-key-file <file>", "a key file; made where it is not there")
    .option("--this-host", "a key file of this host, so that it opens the vault unattended")
    .option("--label <text>", "what to call it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep vault unlock add --label 'the safe'", "asks for a passphrase"],
          ["lockstep vault unlock add --new-key-file /media/stick/vault.key", ""],
          ["lockstep vault unlock add --this-host", "on a second backup host"],
        ],
        ["0 added", "75 there is one of that name, or that key file already"],
      ),
    )
    .action(
      run(async (app, options: Options) => {
        const { output, signal, keyringDeps: deps } = app;
        const vault = await app.openVault();
        refuseReadOnly(vault, "adding an unlock way");
        const { way, keyFile } = await newWay(app, vault, options);
        const { logs } = await vault.machines();
        const keyring = { store: vault.vault.store, opened: vault.keyring, deps };
        const added = await addUnlockWay(keyring, logs, way, signal);
        await vault.rememberKeyring(added.keyring);
        for (const message of added.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
        output.print(
          `Added ${JSON.stringify(added.way.label)} (${wayWords[added.way.kind]}). It opens all that is in the vault.`,
        );
        if (keyFile !== null) output.print(`Keep the key file ${keyFile} from others: who holds it opens the vault.`);
        output.finish({ unlockWay: shownWay(added.way), keyFile, generation: added.keyring.keyring.generation });
        return exitCodes.done;
      }),
    );
};

async function newWay(
  app: App,
  { keyring }: OpenVault,
  { newPassphraseFile, newKeyFile, thisHost, label }: Options,
): Promise<{ readonly way: NewWay; readonly keyFile: string | null }> {
  const { host, random, output, signal } = app;
  if ([newPassphraseFile, newKeyFile, thisHost].filter((option) => option !== undefined).length > 1) {
    throw new LockstepError("ARGUMENT_INVALID", "adding an unlock way: several of its kinds are named", {
      hint: "Give one of --new-passphrase-file, --new-key-file and --this-host.",
    });
  }
  const file = thisHost === true ? app.hostKeyPath(keyring.vault.id) : newKeyFile;
  if (file !== undefined) {
    const keyFile = resolve(host.workingFolder, file);
    const { key } = await readOrCreateKeyFile(keyFile, random, (warning) => output.warn(warning));
    const name = label ?? (thisHost === true ? `host ${host.name}` : `key file ${basename(keyFile)}`);
    return { way: { label: name, secret: { kind: "keyfile", key } }, keyFile };
  }
  if (newPassphraseFile === undefined && !host.stdinIsTerminal) {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      "adding an unlock way: nothing says which, and there is no terminal to ask at",
      { hint: "Give one of --new-passphrase-file, --new-key-file and --this-host." },
    );
  }
  const passphrase =
    newPassphraseFile === undefined
      ? await app.askNewPassphrase("The new passphrase")
      : await readPassphraseFile(
          resolve(host.workingFolder, newPassphraseFile),
          (warning) => output.warn(warning),
          signal,
        );
  return { way: { label: label ?? "passphrase", secret: { kind: "passphrase", passphrase } }, keyFile: null };
}
