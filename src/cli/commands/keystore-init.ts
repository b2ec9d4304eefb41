import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { parseKitOptions } from "#cli/kit/kit-options.ts";
import type { KitOptions } from "#cli/kit/kit-options.ts";
import { refusePages } from "#cli/kit/kit-page-files.ts";
import { addKitWay } from "#cli/kit/vault-of-kit.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { refuseUnaskable } from "#cli/prompt/unaskable.ts";
import { madeKeyStoreLine, makeFirstKeyStore, printFirstKit, shownKeyStore } from "#cli/setup/first-key-store.ts";
import { keyStoreSeals } from "#cli/setup/key-store-seals.ts";
import type { SealOptions } from "#cli/setup/key-store-seals.ts";
import { LockstepError } from "#errors/errors.ts";

type Options = KitOptions &
  SealOptions & { readonly kitTo: string; readonly kitCheck: boolean; readonly domain?: string };

/** `keystore init` */
export const define: Define = (command, run) => {
  command
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
        [["lockstep keystore init", "for a vault that was made with --no-key-store; `init` makes both"]],
        ["0 made; the kit opens the vault", "75 there is a key store already, or the vault has copies of one"],
      ),
    )
    .action(
      run(async (app: App, options: Options) => {
        const { output, signal } = app;
        const { custodians, threshold } = parseKitOptions(options);
        if (options.kitCheck) refuseUnaskable(app, "making a key store");
        await app.refuseKeyStore();
        await refusePages(app, options.kitTo, custodians);
        const vault = await app.openVault();
        refuseReadOnly(vault, "making a key store");
        await refuseCopies(vault, signal);

        const opens = await keyStoreSeals(app, options);
        using secrets = new DisposableStack(); // wiped as well where no kit can be made
        for (const { secret } of opens.seals) secrets.defer(() => secret.secret.wipe());
        using kit = await (await app.kitTools()).make(custodians, threshold);
        const of = { place: vault.place, vault: vault.keyring.vault, kit };
        const keyStore = await makeFirstKeyStore(app, of, opens, options.domain);
        output.print(madeKeyStoreLine(keyStore));
        const finished = await withLeft(app, async () => {
          await addKitWay(app, vault, kit.way);
          return printFirstKit(app, of, keyStore, options);
        });
        output.finish({
          keyStore: shownKeyStore(keyStore),
          kit: { id: kit.id, threshold, custodians, ...finished },
        });
        return exitCodes.done;
      }),
    );
};

/** A vault that has copies of a key store had one. */
async function refuseCopies({ place, vault: { store } }: OpenVault, signal: AbortSignal): Promise<void> {
  for await (const { key } of store.list("keystore/", {}, signal)) {
    throw new LockstepError("KEY_STORE_EXISTS", `making a key store: the vault has copies of one already: ${key}`, {
      hint: `\`lockstep recover\` brings that one back. Where nobody has its kit any more, move ${place}/keystore away.`,
    });
  }
}

/** Says what is there all the same where the rest fails. */
async function withLeft<T>({ output }: App, rest: () => Promise<T>): Promise<T> {
  try {
    return await rest();
  } catch (error) {
    output.warn({
      code: "LEFT_BEHIND",
      message: "the key store is made, and its kit was not finished",
      hint: "Where its pages are not all printed, `lockstep kit create` makes another one.",
    });
    throw error;
  }
}
