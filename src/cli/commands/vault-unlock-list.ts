import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { shownWay, wayWords } from "#cli/shown-way.ts";
import { formatTable } from "#cli/table.ts";
import { listWays, wayInUse } from "#vault/keyring.ts";

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
