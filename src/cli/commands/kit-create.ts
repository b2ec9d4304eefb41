import { fromBase64 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import type { NewKit } from "#cli/app/kit-tools.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { finishKit } from "#cli/kit/finish-kit.ts";
import { kitOptions, parseKitOptions } from "#cli/kit/kit-options.ts";
import type { KitOptions } from "#cli/kit/kit-options.ts";
import { removePages, writePages } from "#cli/kit/kit-page-files.ts";
import type { PageFile } from "#cli/kit/kit-page-files.ts";
import { addKitWay, removeKitWays } from "#cli/kit/vault-of-kit.ts";
import type { VaultOfKit } from "#cli/kit/vault-of-kit.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { collect } from "#cli/program/options.ts";
import { refuseUnaskable } from "#cli/prompt/unaskable.ts";
import { whenApproved } from "#cli/steps/when-approved.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";

type Options = KitOptions & { readonly to: string; readonly alsoVault?: readonly string[] };

/** `kit create` */
export const define: Define = (command, run) => {
  kitOptions(command.requiredOption("--to <folder>", "where its pages are written, until they are printed"))
    .option("--also-vault <place>", "another vault that it opens; may be repeated", collect)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep kit create --to /root/kit", "one page, which is enough alone"],
          ["lockstep kit create --to /root/kit --custodians anna,boris,chen --threshold 2", ""],
        ],
        ["0 made; older kits of the vault open nothing that is written from now on"],
      ),
    )
    .action(
      run(async (app, options: Options) => {
        const { output, signal } = app;
        const { custodians, threshold } = parseKitOptions(options);
        if (options.kitCheck) refuseUnaskable(app, "making a kit");
        const tools = await app.kitTools();
        const client = await app.keySide("custodian");
        const facts = await client.call("store.show", {}, signal);
        const vaults = [await app.openVault()];
        for (const place of options.alsoVault ?? []) vaults.push(await app.openVault({ place }));
        for (const vault of vaults) refuseReadOnly(vault, "making a kit");

        using kit = await tools.make(custodians, threshold);
        const signingKey = fromBase64(facts.signingKey) ?? new Uint8Array();
        const opens = vaults.map(({ place, keyring: { vault } }) => ({ ...vault, place }));
        const pages = kit.pages({ storeId: facts.id, signingKey, vaults: opens });
        const files = await writePages(app, options.to, pages);
        // Ways first: from the moment that copies are for the new kit alone, it has to open the vaults as well.
        const added: VaultOfKit[] = [];
        try {
          for (const vault of vaults) added.push(await addKitWay(app, vault, kit.way));
          await adopt(app, client, kit, opens);
        } catch (error) {
          await takeBack(app, { kit, files, added }, error);
          throw error;
        }
        await client.call("copy.make", { full: false }, signal);
        await refuseReplaced(client, kit, signal);

        const made = { kit, files, signingKey, vaults: opens.map(({ place }) => place) };
        const finished = await finishKit(app, made, !options.kitCheck);
        if (finished.checked) for (const vault of added) await removeOlderWays(app, vault, kit);
        output.print(`Made the kit ${kit.id}: ${threshold} of ${custodians.length} pages bring everything back.`);
        output.finish({ kit: { id: kit.id, threshold, custodians, ...finished } });
        return exitCodes.done;
      }),
    );
};

/** Has copies encrypted to the kit from now on. Its pages are there already, since nothing but them opens those. */
async function adopt(
  app: App,
  client: KeyClient,
  { id, threshold, custodians, recipient }: NewKit,
  vaults: readonly { readonly id: string }[],
): Promise<void> {
  const given = { id, threshold, custodians: [...custodians], recipient, vaults: vaults.map((vault) => vault.id) };
  await whenApproved(app, client, { act: "kit.adopt", subject: `kit ${id}` }, () =>
    client.call("kit.adopt", given, app.signal),
  );
}

/** Takes back what was made of a kit that was refused. Any other failure may have come after it was adopted: then all of it is needed. */
async function takeBack(
  app: App,
  {
    kit,
    files,
    added,
  }: { readonly kit: NewKit; readonly files: readonly PageFile[]; readonly added: readonly VaultOfKit[] },
  error: unknown,
): Promise<void> {
  if (isLockstepError(error, "NOT_ALLOWED", "IDENTITY_REJECTED")) {
    await removePages(files);
    for (const vault of added) await removeKitWays(app, vault, (label) => label === kit.way.label);
    return;
  }
  app.output.warn({
    code: "LEFT_BEHIND",
    message: `the pages of the kit ${kit.id} are still there, and vaults may have its unlock way`,
    hint: `Where \`lockstep kit show\` names another kit: remove them, and \`lockstep vault unlock remove '${kit.way.label}'\`.`,
  });
}

/** Takes away what older kits open a vault by. What was written before stays open to whoever kept their pages and a copy. */
async function removeOlderWays(app: App, of: VaultOfKit, { way }: NewKit): Promise<void> {
  for (const label of await removeKitWays(app, of, (each) => each !== way.label)) {
    app.output.print(`The older ${label} opens ${of.vault.place} no longer: destroy its pages.`);
  }
}

/** Of two kits that are made at once, the later one stays. @throws {LockstepError} KIT_REJECTED */
async function refuseReplaced(client: KeyClient, { id }: NewKit, signal: AbortSignal): Promise<void> {
  const { kit } = await client.call("kit.show", {}, signal);
  if (kit?.id === id) return;
  throw new LockstepError(
    "KIT_REJECTED",
    `making the kit ${id}: the kit ${kit?.id} was made meanwhile, and is in use`,
    {
      hint: "Destroy these pages, and use those of the other one.",
    },
  );
}
