import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { copyLines } from "#cli/shown/key-copies.ts";
import { notErasedWarnings } from "#cli/shown/rewrap-warnings.ts";
import { exactVersions } from "#cli/steps/exact-versions.ts";

/** `key purge NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a deleted version, or a key of which all versions are deleted")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key purge web01/v1 --json", "for ever; the document has the certificate"]],
        [
          "0 destroyed here: the lines say which copies still hold it",
          "75 it waits for another custodian, or is needed",
        ],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string) => {
        const client = await keySide("custodian");
        const names = await exactVersions(client, name, signal);
        const { versions, notErased } = await client.call("key.purge", { versions: [...names] }, signal);
        for (const { version, copies } of versions) {
          output.print(`${version.name}: destroyed here.`, ...copyLines(copies));
        }
        for (const warning of notErasedWarnings(notErased)) output.warn(warning);
        output.finish({ versions, notErased });
        return exitCodes.done;
      }),
    );
};
