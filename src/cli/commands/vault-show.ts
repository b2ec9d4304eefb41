import { Option } from "commander";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { warnOfFaults } from "#cli/machines/unread-machines.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { shownWay, wayWords } from "#cli/shown/shown-way.ts";
import { listWays, wayInUse } from "#vault/keyring/keyring.ts";

/** `vault show` */
export const define: Define = (command, run) => {
  command
    .addOption(
      new Option(
        "--expect <any>",
        "take its keyring as the right one, though this host has seen a newer one: what was removed since opens the vault again",
      ).choices(["any"]),
    )
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep vault show", ""],
          ["lockstep vault show --passphrase-file F", "shows that the passphrase still opens the vault"],
          ["lockstep vault show --expect any", "an older copy of the vault is there on purpose"],
        ],
        ["0 shown", "65 the log of a machine cannot be read", "77 it does not open"],
      ),
    )
    .action(
      run(async ({ output, openVault }, { expect }: { readonly expect?: "any" }) => {
        const vault = await openVault({ anyKeyring: expect === "any" });
        const { keyring, place, readOnlyReason } = vault;
        const machines = await vault.machines();
        const points = machines.logs.reduce((sum, { fold }) => sum + fold.points.size, 0);
        const used = wayInUse(keyring);
        const { id, createdAt } = keyring.vault;
        const created = createdAt.toString({ smallestUnit: "second" });
        const facts = [
          ["vault", place],
          ["id", id],
          ["made", created],
          ["format", "1"],
          ["keyring", `generation ${keyring.keyring.generation}, data key ${keyring.keys.currentEpoch}`],
          ["opened with", used === null ? "-" : `${used.label} (${wayWords[used.kind]})`],
          ["unlock ways", String(listWays(keyring).length)],
          ["machines", String(machines.logs.length + machines.faults.length)],
          ["points", String(points)],
          ["may be written", readOnlyReason === null ? "yes" : `no: ${readOnlyReason}`],
        ];
        output.print(...formatTable([{}, {}], facts));
        const status = warnOfFaults(output, machines);
        output.finish({
          vault: { id, place, createdAt: created, format: 1, readOnlyReason },
          keyring: { generation: keyring.keyring.generation, dataKey: keyring.keys.currentEpoch },
          openedWith: used === null ? null : shownWay(used),
          unlockWays: listWays(keyring).map(shownWay),
          machines: machines.logs.length + machines.faults.length,
          points,
        });
        return status ?? exitCodes.done;
      }),
    );
};
