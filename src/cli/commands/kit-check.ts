import { resolve } from "node:path";

import { fromBase64 } from "#bytes/text.ts";
import { checkKit } from "#cli/check-kit.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { openKitOf } from "#cli/kit-share-input.ts";
import { collect } from "#cli/options.ts";
import { folderOf } from "#cli/place.ts";
import { dayOf } from "#cli/when.ts";

type Options = { readonly shareFile?: readonly string[]; readonly alsoVault?: readonly string[] };

/** `kit check` */
export const define: Define = (command, run) => {
  command
    .option("--share-file <file>", "a file with a share, instead of asking; as often as there are shares", collect)
    .option("--also-vault <place>", "another vault that it is to open; may be repeated", collect)
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
        const { signingKey } = await (await app.keySide("custodian")).call("store.show", {}, signal);
        using opened = await openKitOf(app, tools, shareFile ?? []);
        const also = alsoVault.map((place) => resolve(host.workingFolder, folderOf(place)));
        const vaults = config.vault.value === null ? also : [config.vault.value, ...also];
        const key = fromBase64(signingKey) ?? new Uint8Array();
        const { kit, trials, others } = await checkKit(app, opened, { signingKey: key, vaults });
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
