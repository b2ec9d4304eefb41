import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { versionState } from "#cli/shown/shown-version.ts";

/** `key recover NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a version, or a key with all its versions")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key recover web01/v1", "takes back that it was deleted"]],
        ["0 recovered", "75 it was destroyed"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide, now }, name: string) => {
        const { versions } = await (await keySide("custodian")).call("key.recover", { name }, signal);
        if (versions.length === 0) output.print(`${name} was not deleted.`);
        for (const version of versions) output.print(`${version.name} is back: ${versionState(version, now())}`);
        output.finish({ versions });
        return exitCodes.done;
      }),
    );
};
