import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { dayOf } from "#cli/output/when.ts";
import { kindWords, versionState } from "#cli/shown/shown-version.ts";

/** `key list` */
export const define: Define = (command, run) => {
  command.addHelpText("after", helpEnd([["lockstep key list", ""]], ["0 listed"])).action(
    run(async ({ output, signal, keySide, now }) => {
      const { keys } = await (await keySide("custodian")).call("key.list", {}, signal);
      const rows = keys.flatMap(({ versions, count }) =>
        versions.map((version) => [
          version.name,
          kindWords[version.kind],
          dayOf(version.createdAt),
          versionState(version, now()),
          count > versions.length ? `${count - versions.length} older` : "",
          version.note,
        ]),
      );
      const columns = [{ title: "VERSION" }, { title: "KIND" }, { title: "MADE" }, { title: "STATE" }, {}, {}] as const;
      output.print(...formatTable(columns, rows));
      output.finish({ keys });
      return exitCodes.done;
    }),
  );
};
