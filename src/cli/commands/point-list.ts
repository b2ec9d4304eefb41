import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { warnOfFaults } from "#cli/machines/unread-machines.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { shortIds } from "#cli/output/short-ids.ts";
import { formatTable } from "#cli/output/table.ts";
import type { Column } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { lightName } from "#cli/shown/light-words.ts";
import { counted } from "#cli/shown/checked.ts";
import { keptWords, shownFate } from "#cli/shown/shown-fate.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { machineNamed } from "#ops/machines/machines.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { listPoints } from "#ops/points/points.ts";
import type { ListedPoint } from "#ops/points/points.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

const columns: readonly Column[] = [
  { title: "ID" },
  { title: "POINT" },
  { title: "CONSISTENCY" },
  { title: "LIGHT" },
  { title: "OPENED WITH" },
  { title: "DISKS" },
  { title: "SIZE", align: "right" },
  { title: "NEW", align: "right" },
  { title: "STORED", align: "right" },
];

/** `point list` */
export const define: Define = (command, run) => {
  command
    .argument("[machines...]", "machines; all where none is named")
    .option("--deleted", "points that are deleted and can be undeleted, instead of the others")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep point list", ""],
          ["lockstep point list web01 --deleted", ""],
        ],
        ["0 listed", "65 the log of a machine cannot be read"],
      ),
    )
    .action(
      run(async (app, names: readonly string[], { deleted }: { readonly deleted?: true }) => {
        const { output, now } = app;
        const vault = await app.openVault();
        const machines = await vault.machines();
        const logs = names.length === 0 ? machines.logs : names.map((name) => machineNamed(machines, name));
        const which = deleted === true ? "deleted" : "live";
        const listed = logs.flatMap((log) => {
          const lightOf = pointLights(log.fold, now());
          return listPoints(log, which, now()).map((point) => ({ log, point, light: lightOf(point.state) }));
        });
        // Thousands of points take a while to be put into words that nobody asked for.
        if (!output.json) {
          if (listed.length === 0) {
            const where = machines.faults.length === 0 ? "" : " in what could be read";
            output.note(deleted === true ? `No point is deleted${where}.` : `There is no point${where || " yet"}.`);
          } else output.print(...tableOf(machines.logs, listed, which));
        }
        const gone = deleted === true ? 0 : logs.reduce((sum, { fold }) => sum + deletedIn(fold), 0);
        if (gone > 0)
          output.note(
            `${counted(gone, "point")} deleted, not listed here: ${["lockstep point list", ...names, "--deleted"].join(" ")}`,
          );
        const status = warnOfFaults(output, machines);
        output.finish({
          points: (output.json ? listed : []).map(({ log, point, light }) => ({
            machine: log.fold.machine.name,
            machineId: log.machine,
            ...shownPoint(point.state, point.name),
            ...shownFate(point),
            light: shownLight(light),
          })),
        });
        return status ?? exitCodes.done;
      }),
    );
};

/** How many points could be undeleted. */
function deletedIn({ points }: Fold): number {
  return [...points.values()].filter(({ deleted }) => deleted !== null).length;
}

type Listed = { readonly point: ListedPoint; readonly light: PointLight };

function tableOf(logs: readonly Log[], listed: readonly Listed[], which: "live" | "deleted"): string[] {
  const short = shortIds(logs.flatMap(({ fold }) => [...fold.points.keys()]));
  const more = which === "live" ? ["KEPT AS", "EXPECTED UNTIL"] : ["DELETED", "UNDELETE UNTIL"];
  const rows = listed.map(({ point: { state, name, fate }, light }) => [
    short.get(state.point) ?? state.point,
    name,
    consistencyWords(state),
    lightName(light.light),
    light.versions.join(", ") || "-",
    state.disks.map((disk) => disk.name).join(", "),
    formatBytes(state.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    formatBytes(state.newBytes),
    formatBytes(state.storedBytes),
    ...(fate.kind === "kept"
      ? [keptWords(fate.reasons), fate.until.toString()]
      : [fate.by === "rule" ? "by the keep rule" : "by a person", fate.until.toString({ smallestUnit: "minute" })]),
  ]);
  return formatTable([...columns, ...more.map((title) => ({ title }))], rows);
}

/** A point's consistency, and what else is not right with it. */
function consistencyWords({ consistency, unreadableBytes, dateDoubtful }: ListedPoint["state"]): string {
  const faults = [
    ...(unreadableBytes > 0 ? [`${formatBytes(unreadableBytes)} missing`] : []),
    ...(dateDoubtful ? ["date in doubt"] : []),
  ];
  return [consistency, ...faults].join(", ");
}
