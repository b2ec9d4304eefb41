import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { dryRunOption, endForeseen, foresee } from "#cli/steps/what-if.ts";

const words = { doing: "deleting", done: "deleted" };

/** `key delete NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a version, or a key with all its versions")
    .option(...dryRunOption)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key delete web01/v1", "refused while something needs it"],
          ["lockstep key needed-by web01/v1", "all that needs it"],
          ["lockstep key delete web01 --dry-run", "of each version: whether it would be refused, and why"],
        ],
        [
          "0 deleted; `key recover` takes it back. With --dry-run: it would be",
          "75 something needs it. With --dry-run: it would be refused",
        ],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string, { dryRun }: { readonly dryRun?: true }) => {
        const client = await keySide("custodian");
        if (dryRun === true) {
          const { versions: all } = await client.call("key.show", { name }, signal);
          const live = all
            .map(({ version }) => version)
            .filter((each) => (each.deletedAt ?? each.destroyedAt) === null);
          const foreseen = await foresee(client, live, () => ({ takes: true, refusal: null }), signal);
          return endForeseen(output, words, foreseen);
        }
        const { versions } = await client.call("key.delete", { name }, signal);
        if (versions.length === 0) output.print(`${name} was deleted before.`);
        for (const version of versions) {
          output.print(`${version.name} is deleted. This takes it back: lockstep key recover ${version.name}`);
        }
        output.finish({ dryRun: false, versions });
        return exitCodes.done;
      }),
    );
};
