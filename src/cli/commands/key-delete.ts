import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `key delete NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a version, or a key with all its versions")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key delete web01/v1", "refused while something needs it"],
          ["lockstep key needed-by web01/v1", "whether it would be refused, and why"],
        ],
        ["0 deleted; `key recover` takes it back", "75 something needs it"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string) => {
        const { versions } = await (await keySide("custodian")).call("key.delete", { name }, signal);
        if (versions.length === 0) output.print(`${name} was deleted before.`);
        for (const version of versions) {
          output.print(`${version.name} is deleted. This takes it back: lockstep key recover ${version.name}`);
        }
        output.finish({ versions });
        return exitCodes.done;
      }),
    );
};
