import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { shownWay, wayWords } from "#cli/shown/shown-way.ts";
import { listWays, wayInUse } from "#vault/keyring/keyring.ts";

/** `vault unlock list` */
export const define: Define = (command, run) => {
  command.addHelpText("after", helpEnd([["lockstep vault unlock list", ""]], ["0 listed"])).action(
    run(async ({ output, openVault }) => {
      const { keyring } = await openVault();
      const used = wayInUse(keyring);
      const ways = listWays(keyring);
      const rows = ways.map((way) => [
        way.label,
        wayWords[way.kind],
        shownWay(way).createdAt,
        way.id.slice(0, 8),
        way.id === used?.id ? "opened it now" : "",
      ]);
      const columns = [{ title: "UNLOCK WAY" }, { title: "KIND" }, { title: "ADDED" }, { title: "ID" }, {}] as const;
      output.print(...formatTable(columns, rows));
      output.finish({ unlockWays: ways.map(shownWay), openedWith: used?.id ?? null });
      return exitCodes.done;
    }),
  );
};
