import { resolve } from "node:path";

import { fromBase64 } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { folderOf } from "#cli/files/place.ts";
import { askShares } from "#cli/kit/kit-share-input.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { dayOf } from "#cli/output/when.ts";
import { collect } from "#cli/program/options.ts";
import { checkKit } from "#cli/shown/check-kit.ts";
import type { KeyClient } from "#client/key-client.ts";

type Options = { readonly shareFile?: readonly string[]; readonly alsoVault?: readonly string[] };

/** `kit check` */
export const define: Define = (command, run) => {
  command
    .option("--share-file <file>", "a file with a share, instead of asking; as often as there are shares", collect)
    .option("--also-vault <place>", "a vault that it is to open and is not known to be for; may be repeated", collect)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep kit check", "asks for shares until there are enough"]],
        ["0 it opens the newest copy in each place, and the vault", "77 it does not, or not all of it"],
      ),
    )
    .action(
      run(async (app, { shareFile, alsoVault = [] }: Options) => {
        const { output, signal, config, host } = app;
        const tools = await app.kitTools();
        const client = await app.keySide("custodian");
        const { signingKey } = await client.call("store.show", {}, signal);
        const ownVaults = await vaultsOfKit(client, signal);
        using shares = await askShares(app, tools, shareFile ?? []);
        const { value } = config.vault;
        const named = [...(value === null ? [] : [value]), ...ownVaults, ...alsoVault];
        const vaults = new Set(named.map((place) => resolve(host.workingFolder, folderOf(place))));
        const { kit, trials, others } = await checkKit(app, tools, shares.all, {
          signingKey: fromBase64(signingKey) ?? new Uint8Array(),
          vaults: [...vaults],
        });
        if (kit.stale === null) output.print(`Checked ${dayOf(kit.checkedAt ?? "")}: check it again in a year.`);
        else output.print(`All the same, ${kit.stale}.`);
        for (const { place, label } of others) {
          const hint = `Where its pages are no longer meant to: lockstep vault unlock remove '${label}' --vault ${place}`;
          output.warn({ code: "OTHER_KIT", message: `the ${label} opens ${place} as well`, hint });
        }
        output.finish({ kit, trials });
        return exitCodes.done;
      }),
    );
};

/** The vaults that the kit in use is for and that are places of copies, as far as their names say where they are. */
async function vaultsOfKit(client: KeyClient, signal: AbortSignal): Promise<readonly string[]> {
  const { kit } = await client.call("kit.show", {}, signal);
  const { vaults } = await client.call("vault.list", {}, signal);
  const places = new Set((await client.call("copy.list", {}, signal)).places.map(({ place }) => place));
  return vaults
    .filter(({ vault, name, retiredAt }) => kit?.vaults.includes(vault) && retiredAt === null && places.has(name))
    .map(({ name }) => name);
}
