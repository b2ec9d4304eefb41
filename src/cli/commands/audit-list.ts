import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
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
        const rows = entries.map(({ seq, at, who, act, subject, outcome, detail }) => [
          String(seq),
          at,
          who,
          act,
          subject,
          outcome,
          detailWords(detail),
        ]);
        const titles = ["TIME", "WHO", "ACT", "OF", "OUTCOME"].map((title) => ({ title }));
        output.print(...formatTable([{ title: "ENTRY", align: "right" }, ...titles, {}], rows));
        output.finish({ entries });
        return exitCodes.done;
      }),
    );
};

function detailWords(detail: Readonly<Record<string, string | number | boolean | null>>): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a number of entries`);
}
