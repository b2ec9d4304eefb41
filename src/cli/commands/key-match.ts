import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { headerOptions, headerToPresent } from "#cli/headers/header-options.ts";
import type { HeaderFlags } from "#cli/headers/header-options.ts";
import { parseSeconds } from "#cli/headers/volume-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { boundLines, nextLine } from "#cli/shown/bound-lines.ts";
import { counted } from "#cli/shown/checked.ts";
import { secondsWords } from "#cli/shown/shown-volume.ts";

type Options = HeaderFlags & { readonly maxSeconds: number; readonly dryRun?: true };

/** `key match PATH`, `key match --point POINT` */
export const define: Define = (command, run) => {
  command
    .argument("[path]", "an image or a block device: the live disk")
    .option("--max-seconds <n>", "trials may take so long in all, as estimated", parseSeconds, 600)
    .option("--dry-run", "only say what there is to try, and what it costs");
  headerOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key match /dev/vg/web01", "tries every version that fits, the cheapest first"],
          ["lockstep key match web01.raw --dry-run", ""],
        ],
        ["0 a version opens it, and is bound; or a dry run", "2 none that was tried does"],
      ),
    )
    .action(
      run(async (app, path: string | undefined, { maxSeconds, dryRun, ...flags }: Options) => {
        const { output, signal, keySide } = app;
        const { shown, machine, ...presented } = await headerToPresent(app, path, flags);
        const client = await keySide("custodian");
        const given = { ...presented, maxSeconds };
        const { planned, known } = await client.call("key.match", { ...given, dryRun: true }, signal);
        const plan = `${shown}: ${counted(planned.versions, "version")} to try, ${secondsWords(planned.seconds)} at the most`;
        if (dryRun === true) {
          output.print(plan);
          output.finish({ dryRun: true, known, planned, bound: null, tried: 0, notTried: [] });
          return exitCodes.done;
        }
        output.note(plan);
        const { bound, tried, notTried } = await client.call("key.match", { ...given, dryRun: false }, signal);
        output.print(
          ...(bound === null
            ? [`${shown}: ${counted(tried, "version")} tried, and none opens it.`]
            : boundLines(shown, bound)),
          ...notTried.map((words) => `  not tried: ${words}`),
        );
        if (bound !== null) output.note(nextLine(machine));
        output.finish({ dryRun: false, known, planned, bound, tried, notTried });
        return bound === null ? exitCodes.attention : exitCodes.done;
      }),
    );
};
