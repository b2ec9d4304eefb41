import { resolve } from "node:path";

import type { App, MadeKeyStore } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { folderOf } from "#cli/files/place.ts";
import { parseKitOptions } from "#cli/kit/kit-options.ts";
import { refusePages } from "#cli/kit/kit-page-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { refuseUnaskable } from "#cli/prompt/unaskable.ts";
import { nameVaultInConfig } from "#cli/setup/config-vault.ts";
import {
  firstStoreOptions,
  madeKeyStoreLine,
  makeFirstKeyStore,
  printFirstKit,
  shownKeyStore,
} from "#cli/setup/first-key-store.ts";
import type { FirstStoreOptions, VaultOfStore } from "#cli/setup/first-key-store.ts";
import { firstUnlockWay } from "#cli/setup/first-unlock-way.ts";
import { keyStoreSeals, wipedAtEnd } from "#cli/setup/key-store-seals.ts";
import { makeVaultIn } from "#cli/setup/make-vault.ts";
import type { MadeVault } from "#cli/setup/make-vault.ts";
import { refuseUsedFolder } from "#cli/setup/new-vault-folder.ts";
import { nextSteps } from "#cli/setup/next-steps.ts";
import { shownWay } from "#cli/shown/shown-way.ts";
import { listWays } from "#vault/keyring/keyring.ts";

type Options = FirstStoreOptions & { readonly hostKey: boolean; readonly keyStore: boolean };

/** `init VAULT` */
export const define: Define = (command, run) => {
  command
    .argument("<vault>", "the folder to make it in; empty, or not there yet")
    .option("--no-host-key", "do not let this host open the vault by itself")
    .option("--no-key-store", "make the vault alone: no key store, and no kit");
  firstStoreOptions(command)
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
        const { custodians, threshold } = kitOptions;
        using secrets = new DisposableStack();
        const makeKit = async (): Promise<NewKit> => {
          return secrets.use(await (await app.kitTools()).make(custodians, threshold));
        };
        const { made, kept } = await makeAll(app, folder, options, makeKit);
        sayWhatToKeep(app, made, kept?.keyStore ?? null);
        const configured = await nameVaultInConfig(config, folder);
        output.print(configured.words);
        const finished = kept === null ? null : await printFirstKit(app, kept.of, kept.keyStore, options);
        output.print("", ...nextSteps({ keyStore: kept !== null, kitUnchecked: kept !== null && !options.kitCheck }));
        output.finish({
          vault: { id: made.keyring.vault.id, place: folder, createdAt: made.keyring.vault.createdAt },
          unlockWays: listWays(made.keyring).map(shownWay),
          keyFile: flags.keyFile ?? null,
          hostKeyFile: made.hostKeyFile,
          keyStore: kept === null ? null : shownKeyStore(kept.keyStore),
          kit: kept === null ? null : { id: kept.of.kit.id, threshold, custodians, ...finished },
          config: { path: config.config.value, written: configured.written },
        });
        return exitCodes.done;
      }),
    );
};

/** What was made; `kept` is null where it is a vault alone. */
type AllMade = {
  readonly made: MadeVault;
  readonly kept: { readonly of: VaultOfStore; readonly keyStore: MadeKeyStore } | null;
};

/** Asks first, and then makes all but the kit's pages. What is left where that fails is warned of. */
async function makeAll(app: App, folder: string, options: Options, makeKit: () => Promise<NewKit>): Promise<AllMade> {
  const left: string[] = [];
  try {
    const way = await firstUnlockWay(app, left);
    const opens = options.keyStore ? await keyStoreSeals(app, options) : null;
    using _secrets = opens === null ? null : wipedAtEnd(opens);
    const kit = options.keyStore ? await makeKit() : null;
    const made = await makeVaultIn(app, folder, { way, hostKey: options.hostKey, kitWay: kit?.way ?? null }, left);
    if (kit === null || opens === null) return { made, kept: null };
    const of = { place: folder, vault: made.keyring.vault, kit };
    return { made, kept: { of, keyStore: await makeFirstKeyStore(app, of, opens, options.domain) } };
  } catch (error) {
    if (left.length > 0) {
      app.output.warn({
        code: "LEFT_BEHIND",
        message: `what was made before it failed is still there: ${left.join(", ")}`,
        hint: "Nothing uses it yet: remove it, and run the same command again.",
      });
    }
    throw error;
  }
}

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
