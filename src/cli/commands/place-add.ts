import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { folderOf } from "#cli/files/place.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";

/** `place add PLACE` */
export const define: Define = (command, run) => {
  command
    .argument("<place>", "a folder; made where it is not there. A vault's folder is a place as well")
    .option("--domain <text>", "what fails together with it, such as a building; this host, if nothing is said")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep place add /mnt/branch/vault --domain 'branch office'", ""],
          ["lockstep place add /media/stick/lockstep --domain 'the safe'", ""],
        ],
        ["0 copies go there from now on", "69 a copy could not be made durable"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide, host }, given: string, { domain }: { readonly domain?: string }) => {
        const place = resolve(host.workingFolder, folderOf(given));
        await createDirectoryRoot(place, {}, signal);
        const client = await keySide("custodian");
        await client.call("place.add", { place, domain: domain ?? host.name }, signal);
        const made = await client.call("copy.make", { full: false }, signal);
        output.print(`Copies of the key store go to ${place} from now on.`);
        output.finish({ place, domain: domain ?? host.name, written: made.written });
        return exitCodes.done;
      }),
    );
};
