import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";

const columns = [
  { title: "EPOCH", align: "right" },
  { title: "COPY", align: "right" },
  { title: "KIND" },
  { title: "SIZE", align: "right" },
  { title: "WRITTEN" },
  { title: "READ BACK IN" },
] as const;

/** `copy list` */
export const define: Define = (command, run) => {
  command.addHelpText("after", helpEnd([["lockstep copy list", "all that were not deleted yet"]], ["0 listed"])).action(
    run(async ({ output, signal, keySide }) => {
      const { copies } = await (await keySide("custodian")).call("copy.all", {}, signal);
      const rows = copies.map(({ epoch, number, kind, sizeBytes, writtenAt, places }) => [
        String(epoch),
        String(number),
        kind ?? "-",
        formatBytes(sizeBytes),
        writtenAt,
        places.length === 0 ? "-" : places.join(", "),
      ]);
      output.print(...(copies.length === 0 ? ["There is no copy: lockstep copy make"] : formatTable(columns, rows)));
      output.finish({ copies });
      return exitCodes.done;
    }),
  );
};
