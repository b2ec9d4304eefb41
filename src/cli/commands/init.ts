import { resolve } from "node:path";

import type { App, MadeKeyStore } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { folderOf } from "#cli/files/place.ts";
import { parseKitOptions } from "#cli/kit/kit-options.ts";
import type { KitOptions } from "#cli/kit/kit-options.ts";
import { refusePages } from "#cli/kit/kit-page-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { refuseUnaskable } from "#cli/prompt/unaskable.ts";
import { nameVaultInConfig } from "#cli/setup/config-vault.ts";
import { madeKeyStoreLine, makeFirstKeyStore, printFirstKit, shownKeyStore } from "#cli/setup/first-key-store.ts";
import { firstUnlockWay } from "#cli/setup/first-unlock-way.ts";
import { keyStoreSeals } from "#cli/setup/key-store-seals.ts";
import type { SealOptions } from "#cli/setup/key-store-seals.ts";
import { makeVaultIn } from "#cli/setup/make-vault.ts";
import type { MadeVault } from "#cli/setup/make-vault.ts";
import { refuseUsedFolder } from "#cli/setup/new-vault-folder.ts";
import { shownWay } from "#cli/shown/shown-way.ts";
import { listWays } from "#vault/keyring/keyring.ts";

type Options = KitOptions &
  SealOptions & {
    readonly hostKey: boolean;
    readonly keyStore: boolean;
    readonly kitCheck: boolean;
    readonly kitTo: string;
    readonly domain?: string;
  };

/** `init VAULT` */
export const define: Define = (command, run) => {
  command
    .argument("<vault>", "the folder to make it in; empty, or not there yet")
    .option("--no-host-key", "do not let this host open the vault by itself")
    .option("--no-key-store", "make the vault alone: no key store, and no kit")
    .option(
      "--key-store-opens <how>",
      "after a restart: key-file (of this host), credential (of its TPM or systemd) or passphrase",
    )
    .option("--key-store-passphrase-file <file>", "the passphrase that opens the key store")
    .option("--kit-to <folder>", "where the kit's pages are written, until they are printed", "lockstep-kit")
    .option("--custodians <names>", "who gets a page of the kit, with commas between")
    .option("--threshold <number>", "how many pages are needed; two of several, if nothing is said")
    .option("--domain <text>", "what fails together with the vault, such as a building; this host, if nothing is said")
    .option("--no-kit-check", "do not ask for the check words: the pages stay, and the kit counts as not checked")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep init /backup/vault", "asks for a passphrase, makes the key store and the kit"],
          ["lockstep init /backup/vault --custodians anna,boris,chen --threshold 2", "two of three pages are needed"],
          ["lockstep init /backup/vault --passphrase-file /root/passphrase --no-kit-check", "asks nothing"],
          ["lockstep init /backup/vault --key-file /media/stick/vault.key --no-key-store", "a vault alone"],
        ],
        ["0 made", "75 there is a vault or a key store already"],
      ),
    )
    .action(
      run(async (app: App, given: string, options: Options) => {
        const { output, flags, config, host } = app;
        const folder = resolve(host.workingFolder, folderOf(given));
        await refuseUsedFolder(folder);
        const kitOptions = parseKitOptions(options);
        if (options.keyStore && options.kitCheck) refuseUnaskable(app, "making a vault");
        if (options.keyStore) {
          await app.refuseKeyStore();
          await refusePages(app, options.kitTo, kitOptions.custodians);
        }
        const left: string[] = [];
        try {
          const way = await firstUnlockWay(app, left);
          const opens = options.keyStore ? await keyStoreSeals(app, options) : null;
          const { custodians, threshold } = kitOptions;
          using kit = options.keyStore ? await (await app.kitTools()).make(custodians, threshold) : null;
          const made = await makeVaultIn(
            app,
            folder,
            { way, hostKey: options.hostKey, kitWay: kit?.way ?? null },
            left,
          );
          const keyStore =
            kit === null || opens === null
              ? null
              : await makeFirstKeyStore(app, { place: folder, vault: made.keyring.vault, kit }, opens, options.domain);
          if (keyStore !== null) left.push(keyStore.folder);
          sayWhatToKeep(app, made, keyStore);
          const configured = await nameVaultInConfig(config, folder);
          output.print(configured.words);
          const finished =
            kit === null || keyStore === null
              ? null
              : await printFirstKit(app, { place: folder, vault: made.keyring.vault, kit }, keyStore, options);
          output.finish({
            vault: { id: made.keyring.vault.id, place: folder, createdAt: made.keyring.vault.createdAt },
            unlockWays: listWays(made.keyring).map(shownWay),
            keyFile: flags.keyFile ?? null,
            hostKeyFile: made.hostKeyFile,
            keyStore: keyStore === null ? null : shownKeyStore(keyStore),
            kit: kit === null ? null : { id: kit.id, threshold, custodians, ...finished },
            config: { path: config.config.value, written: configured.written },
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

function sayWhatToKeep(
  { output, flags }: App,
  { keyring, hostKeyFile }: MadeVault,
  keyStore: MadeKeyStore | null,
): void {
  const first = flags.keyFile === undefined ? "the passphrase" : `the key file ${flags.keyFile}`;
  output.print(`Made vault ${keyring.vault.id}. What opens it:`, `  ${first}`);
  if (hostKeyFile !== null) output.print(`  this host, unattended, by its key file ${hostKeyFile}`);
  if (keyStore === null) {
    output.print(
      `Keep ${first} in a safe place that is not on this host and not in the vault:`,
      "when all of these are lost, nobody can read the vault again, and nobody can help.",
    );
    return;
  }
  output.print(
    "  the kit",
    madeKeyStoreLine(keyStore),
    "The kit brings both back when this host is lost: print it, and keep it away from the vault.",
  );
}
