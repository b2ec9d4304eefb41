import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { dayOf, parseWhen } from "#cli/output/when.ts";
import { parseReason } from "#cli/program/options.ts";

type Options = { readonly reason: string; readonly until?: string };

/** `key hold VERSION --reason TEXT` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1")
    .requiredOption("--reason <text>", "what needs it: a tape, a copy elsewhere", parseReason)
    .option("--until <when>", "when that is expected to end; only a release ends it", parseWhen)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key hold web01/v1 --reason 'tape 17 in the safe' --until 2033-12-31", ""]],
        ["0 held", "66 there is no such version"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, text: string, { reason, until }: Options) => {
        const expectedUntil = until ?? null;
        const client = await keySide("custodian");
        const { hold, version } = await client.call("key.hold", { version: text, reason, expectedUntil }, signal);
        const end = expectedUntil === null ? "" : `, expected until ${dayOf(expectedUntil)}`;
        output.print(`${version.name} is held${end}. This ends it: lockstep key release ${hold}`);
        output.finish({ hold, version, expectedUntil });
        return exitCodes.done;
      }),
    );
};
