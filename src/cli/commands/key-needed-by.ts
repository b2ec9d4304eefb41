import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { dayOf } from "#cli/output/when.ts";

/** `key needed-by VERSION` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1; a key's name alone means the version in use")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key needed-by web01/v1", "also says whether it could be deleted or destroyed now"]],
        ["0 shown, whether anything needs it or not", "66 there is no such version"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, text: string) => {
        const client = await keySide("custodian");
        const { version, needs, refusal } = await client.call("version.needs", { version: text }, signal);
        const rows = needs.map(({ what, kind, capturedAt, expectedUntil, hold }) => [
          hold === null ? what : `${what} (${hold})`,
          kind,
          capturedAt === null ? "" : dayOf(capturedAt),
          expectedUntil === null ? "" : dayOf(expectedUntil),
        ]);
        const titles = ["NEEDED BY", "KIND", "TAKEN", "EXPECTED UNTIL"].map((title) => ({ title }));
        if (rows.length > 0) output.print(...formatTable(titles, rows));
        output.print(
          refusal === null
            ? `Nothing needs ${version}: it may be deleted and destroyed.`
            : `Deleting or destroying ${version} would be refused: ${refusal}.`,
        );
        output.finish({ version, needs, refusal });
        return exitCodes.done;
      }),
    );
};
