import { fromBase64 } from "#bytes/text.ts";
import type { App, OpenVault } from "#cli/app.ts";
import { isKitWay } from "#cli/check-kit.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { finishKit } from "#cli/finish-kit.ts";
import { parseKitOptions } from "#cli/kit-options.ts";
import type { KitOptions } from "#cli/kit-options.ts";
import { removePages, writePages } from "#cli/kit-page-files.ts";
import type { NewKit } from "#cli/kit-tools.ts";
import { collect } from "#cli/options.ts";
import { refuseReadOnly } from "#cli/read-only.ts";
import { refuseUnaskable } from "#cli/unaskable.ts";
import { whenApproved } from "#cli/when-approved.ts";
import type { KeyClient } from "#client/key-client.ts";
import { isLockstepError } from "#errors/errors.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock-ways.ts";
import { listWays } from "#vault/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring.ts";
import type { Log } from "#vault/log.ts";

type Options = KitOptions & { readonly to: string; readonly kitCheck: boolean; readonly alsoVault?: readonly string[] };

/** `kit create` */
export const define: Define = (command, run) => {
  command
    .requiredOption("--to <folder>", "where its pages are written, until they are printed")
    .option("--custodians <names>", "who gets a page, with commas between")
    .option("--threshold <number>", "how many pages are needed; two of several, if nothing is said")
    .option("--also-vault <place>", "another vault that it opens; may be repeated", collect)
    .option("--no-kit-check", "do not ask for the check words: the pages stay, and the kit counts as not checked")
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
        try {
          await adopt(
            app,
            client,
            kit,
            opens.map(({ id }) => id),
          );
        } catch (error) {
          // Any other failure may have come after it was done: then the pages are needed.
          if (isLockstepError(error, "NOT_ALLOWED")) await removePages(files);
          throw error;
        }
        const added: VaultOfKit[] = [];
        for (const vault of vaults) added.push(await addKitWay(app, vault, kit.way));
        await client.call("copy.make", { full: false }, signal);

        const made = { kit: kit.opened, files, signingKey, vaults: opens.map(({ place }) => place) };
        const finished = await finishKit(app, made, !options.kitCheck);
        if (finished.checked) for (const vault of added) await removeOlderWays(app, vault, kit.way.label);
        output.print(`Made the kit ${kit.id}: ${threshold} of ${custodians.length} pages bring everything back.`);
        output.finish({ kit: { id: kit.id, threshold, custodians, ...finished } });
        return exitCodes.done;
      }),
    );
};

/** Has copies encrypted to the kit from now on. Its pages are there already, since nothing but them opens those. */
async function adopt(app: App, client: KeyClient, kit: NewKit, vaults: readonly string[]): Promise<void> {
  const { id, threshold, custodians, recipient } = kit;
  const given = { id, threshold, custodians: [...custodians], recipient, vaults: [...vaults] };
  await whenApproved(app, client, { act: "kit.adopt", subject: `kit ${id}` }, () =>
    client.call("kit.adopt", given, app.signal),
  );
}

/** A vault that has the way of the new kit. */
type VaultOfKit = { readonly vault: OpenVault; readonly logs: readonly Log[]; readonly opened: OpenedKeyring };

async function addKitWay(
  { keyringDeps: deps, output, signal }: App,
  vault: OpenVault,
  way: NewKit["way"],
): Promise<VaultOfKit> {
  const { logs } = await vault.machines();
  const keyring = { store: vault.vault.store, opened: vault.keyring, deps };
  const added = await addUnlockWay(keyring, logs, way, signal);
  await vault.rememberKeyring(added.keyring);
  for (const message of added.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
  return { vault, logs, opened: added.keyring };
}

/** Takes away what older kits open a vault by. What was written before stays open to whoever kept their pages and a copy. */
async function removeOlderWays(
  { keyringDeps: deps, output, signal }: App,
  { vault, logs, opened }: VaultOfKit,
  current: string,
): Promise<void> {
  let keyring = opened;
  for (const way of listWays(opened)) {
    if (!isKitWay(way) || way.label === current) continue;
    const removed = await removeUnlockWay({ store: vault.vault.store, opened: keyring, deps }, logs, way, signal);
    keyring = removed.keyring;
    await vault.rememberKeyring(keyring);
    for (const message of removed.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
    output.print(`The older ${way.label} opens ${vault.place} no longer: destroy its pages.`);
  }
}
