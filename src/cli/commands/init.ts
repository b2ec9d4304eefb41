import { rename, unlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

import { hex } from "#bytes/text.ts";
import type { App } from "#cli/app.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { nameVaultInConfig } from "#cli/config-vault.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { createKeyFile, readOrCreateKeyFile } from "#cli/key-files.ts";
import { refuseUsedFolder } from "#cli/new-vault-folder.ts";
import { folderOf } from "#cli/place.ts";
import { shownWay } from "#cli/shown-way.ts";
import { LockstepError } from "#errors/errors.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { newFileKey } from "#vault/key-file.ts";
import { createVault } from "#vault/keyring-change.ts";
import { listWays } from "#vault/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring.ts";
import type { NewWay } from "#vault/unlock-way.ts";

/** `init VAULT` */
export const define: Define = (command, run) => {
  command
    .argument("<vault>", "the folder to make it in; empty, or not there yet")
    .option("--no-host-key", "do not let this host open the vault by itself")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep init /backup/vault", "asks for a passphrase"],
          ["lockstep init /backup/vault --passphrase-file /root/passphrase", ""],
          ["lockstep init /backup/vault --key-file /media/stick/vault.key", "the file is made where it is not there"],
        ],
        ["0 made", "75 there is a vault already"],
      ),
    )
    .action(
      run(async (app: App, given: string, { hostKey }: { readonly hostKey: boolean }) => {
        const { output, flags } = app;
        const folder = resolve(app.host.workingFolder, folderOf(given));
        await refuseUsedFolder(folder);
        const left: string[] = [];
        try {
          const way = await firstWay(app, left);
          const made = await makeVault(app, folder, { way, hostKey }, left);
          const configured = await nameVaultInConfig(app.config, folder);
          sayWhatToKeep(app, made);
          output.print(configured.words);
          output.finish({
            vault: { id: made.keyring.vault.id, place: folder, createdAt: made.keyring.vault.createdAt },
            unlockWays: listWays(made.keyring).map(shownWay),
            keyFile: flags.keyFile ?? null,
            hostKeyFile: made.hostKeyFile,
            config: { path: app.config.config.value, written: configured.written },
          });
          return exitCodes.done;
        } catch (error) {
          if (left.length > 0) {
            output.warn({
              code: "LEFT_BEHIND",
              message: `what was made before it failed is still there: ${left.join(", ")}`,
            });
          }
          throw error;
        }
      }),
    );
};

/** What opens the vault wherever it is. A key file that is made is added to `left`. */
async function firstWay({ flags, config, host, random, output, passphrase }: App, left: string[]): Promise<NewWay> {
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

type Made = { readonly keyring: OpenedKeyring; readonly hostKeyFile: string | null };

/**
 * Makes the vault. This host's key file is written before, under another name: so that a vault whose key could not be
 * kept is never made.
 */
async function makeVault(
  app: App,
  folder: string,
  { way, hostKey }: { readonly way: NewWay; readonly hostKey: boolean },
  left: string[],
): Promise<Made> {
  const pending = hostKey ? await newHostKey(app) : null;
  try {
    await createDirectoryRoot(folder, {}, app.signal);
    left.push(folder);
    const store = await app.openStore(folder);
    const ways = pending === null ? [way] : [way, pending.way];
    const keyring = await createVault(store, { ways }, app.keyringDeps, app.signal);
    if (pending === null) return { keyring, hostKeyFile: null };
    const hostKeyFile = app.hostKeyPath(keyring.vault.id);
    await rename(pending.path, hostKeyFile);
    return { keyring, hostKeyFile };
  } catch (error) {
    if (pending !== null) await unlink(pending.path);
    throw error;
  }
}

async function newHostKey({ config, host, random }: App): Promise<{ readonly path: string; readonly way: NewWay }> {
  const key = newFileKey(random);
  const path = join(config.state.value, "vaults", `new-${hex(random(8))}.key`);
  await createKeyFile(path, key, [`Opens a vault of Lockstep for the host ${host.name}.`]);
  return { path, way: { label: `host ${host.name}`, secret: { kind: "keyfile", key } } };
}

function sayWhatToKeep({ output, flags }: App, { keyring, hostKeyFile }: Made): void {
  const first = flags.keyFile === undefined ? "the passphrase" : `the key file ${flags.keyFile}`;
  output.print(`Made vault ${keyring.vault.id}. What opens it:`, `  ${first}`);
  if (hostKeyFile !== null) output.print(`  this host, unattended, by its key file ${hostKeyFile}`);
  output.print(
    `Keep ${first} in a safe place that is not on this host and not in the vault:`,
    "when all of these are lost, nobody can read the vault again, and nobody can help.",
  );
}
