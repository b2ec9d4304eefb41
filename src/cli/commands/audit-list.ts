import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { auditLines } from "#cli/shown/audit-lines.ts";
import { LockstepError } from "#errors/errors.ts";

type Options = { readonly last: number; readonly before?: number };

/** `audit list` */
export const define: Define = (command, run) => {
  command
    .option("--last <n>", "how many entries, up to 1000", parseNumber, 50)
    .option("--before <n>", "those before this entry", parseNumber)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep audit list", "what was done and refused lately"],
          ["lockstep audit list --last 200 --before 1200", ""],
        ],
        ["0 listed"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, { last, before }: Options) => {
        const { entries } = await (await keySide("custodian")).call("audit.list", { last, before }, signal);
        output.print(...auditLines(entries));
        output.finish({ entries });
        return exitCodes.done;
      }),
    );
};

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a number of entries`);
}
