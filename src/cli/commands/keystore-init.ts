import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { parseKitOptions } from "#cli/kit/kit-options.ts";
import { refusePages } from "#cli/kit/kit-page-files.ts";
import { addKitWay } from "#cli/kit/vault-of-kit.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { refuseUnaskable } from "#cli/prompt/unaskable.ts";
import {
  firstStoreOptions,
  madeKeyStoreLine,
  makeFirstKeyStore,
  printFirstKit,
  shownKeyStore,
} from "#cli/setup/first-key-store.ts";
import type { FirstStoreOptions } from "#cli/setup/first-key-store.ts";
import { keyStoreSeals, wipedAtEnd } from "#cli/setup/key-store-seals.ts";
import { LockstepError } from "#errors/errors.ts";

/** `keystore init` */
export const define: Define = (command, run) => {
  firstStoreOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep keystore init", "for a vault that was made with --no-key-store; `init` makes both"]],
        ["0 made; the kit opens the vault", "75 there is a key store already, or the vault has copies of one"],
      ),
    )
    .action(
      run(async (app: App, options: FirstStoreOptions) => {
        const { output, signal } = app;
        const { custodians, threshold } = parseKitOptions(options);
        if (options.kitCheck) refuseUnaskable(app, "making a key store");
        await app.refuseKeyStore();
        await refusePages(app, options.kitTo, custodians);
        const vault = await app.openVault();
        refuseReadOnly(vault, "making a key store");
        await refuseCopies(vault, signal);

        const opens = await keyStoreSeals(app, options);
        using _secrets = wipedAtEnd(opens);
        using kit = await (await app.kitTools()).make(custodians, threshold);
        const of = { place: vault.place, vault: vault.keyring.vault, kit };
        const keyStore = await makeFirstKeyStore(app, of, opens, options.domain);
        output.print(madeKeyStoreLine(keyStore));
        await letKitOpen(app, vault, kit);
        const finished = await printFirstKit(app, of, keyStore, options);
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

/** Says what is there all the same where it fails. */
async function letKitOpen(app: App, vault: OpenVault, kit: NewKit): Promise<void> {
  try {
    await addKitWay(app, vault, kit.way);
  } catch (error) {
    app.output.warn({
      code: "LEFT_BEHIND",
      message: "the key store is made and in use, and its kit was not finished",
      hint: "`lockstep kit create --to FOLDER` makes another kit.",
    });
    throw error;
  }
}
