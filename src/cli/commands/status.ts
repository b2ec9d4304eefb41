import type { App } from "#cli/app.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import type { ExitCode } from "#cli/exit-codes.ts";
import { shownPoint } from "#cli/shown-point.ts";
import { formatTable } from "#cli/table.ts";
import { formatBytes } from "#cli/units.ts";
import { namesOfPoints } from "#ops/find-point.ts";
import { machineHealth } from "#ops/machine-health.ts";
import type { MachineHealth } from "#ops/machine-health.ts";
import type { Unprotected, findUnprotected } from "#ops/unprotected-disks.ts";
import { formatDuration } from "#policy/duration.ts";
import type { PointState } from "#vault/fold.ts";
import type { Log } from "#vault/log.ts";

/** How long a backup may give no sign, at the least: checkpoints can be far apart on a slow disk. */
const stalledAtLeastMs = 3_600_000;

/** `status` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep status", ""],
          ["lockstep status --json", "for a monitor: docs/json.md"],
        ],
        ["0 all is well", "2 something needs a person"],
      ),
    )
    .action(
      run(async (app) => {
        const { output, config, host, now, signal } = app;
        const vault = await app.openVault();
        const { logs, faults } = await vault.machines();
        const stalledAfterMs = Math.max(stalledAtLeastMs, config.checkpointMinutes.value * 3 * 60_000);
        const machines = logs.map((log) => ({ log, health: machineHealth(log.fold, { now: now(), stalledAfterMs }) }));
        const definitions = logs.map(({ fold }) => fold.machine);
        const unprotected = await unprotectedIn(config.watch.value, definitions, host.name, signal);

        if (machines.length > 0) sayMachines(app, machines);
        else if (faults.length === 0) output.print("No machine is protected yet: lockstep protect --help");
        for (const { machine, name, error } of faults) {
          output.print(`${name ?? machine}: its log cannot be read: ${error.message} [${error.code}]`);
        }
        sayUnprotected(app, unprotected);
        const needs = statusNeeds({ machines, unprotected, faults: faults.length, readOnly: vault.readOnlyReason });
        output.finish({
          needsPerson: needs === exitCodes.attention,
          vault: { id: vault.keyring.vault.id, place: vault.place, readOnlyReason: vault.readOnlyReason },
          machines: machines.map(({ log, health }) => shownHealth(log, health)),
          unread: faults.map(({ machine, name, error: { code, message } }) => ({ machine, name, code, message })),
          unprotected: unprotected.disks,
          skipped: unprotected.skipped,
        });
        return needs;
      }),
    );
};

/** `findUnprotected`, loaded only where folders are watched: most of what this command would load is for it. */
async function unprotectedIn(...given: Parameters<typeof findUnprotected>): Promise<Unprotected> {
  if (given[0].length === 0) return { disks: [], skipped: [] };
  const { findUnprotected } = await import("#ops/unprotected-disks.ts");
  return findUnprotected(...given);
}

type Looked = { readonly log: Log; readonly health: MachineHealth };

function statusNeeds(found: {
  readonly machines: readonly Looked[];
  readonly unprotected: Unprotected;
  readonly faults: number;
  readonly readOnly: string | null;
}): ExitCode {
  const isWell =
    found.machines.every(({ health }) => health.needs.length === 0) &&
    found.unprotected.disks.length === 0 &&
    found.unprotected.skipped.length === 0 &&
    found.faults === 0 &&
    found.readOnly === null;
  return isWell ? exitCodes.done : exitCodes.attention;
}

function sayMachines({ output, now }: App, machines: readonly Looked[]): void {
  const rows = machines.map(({ log, health: { lastPoint, points, needs } }) => [
    log.fold.machine.name,
    lastPoint === null ? "-" : lastPointWords(log, lastPoint, now()),
    lastPoint?.consistency ?? "-",
    String(points),
    log.fold.machine.protected ? needs.map(({ words }) => words).join("; ") || "-" : "not protected any longer",
  ]);
  const columns = [
    { title: "MACHINE" },
    { title: "LAST POINT" },
    { title: "CONSISTENCY" },
    { title: "POINTS", align: "right" },
    { title: "NEEDS ATTENTION" },
  ] as const;
  output.print(...formatTable(columns, rows));
}

/** When the point was taken, as clocks where the machine is told of it, and how long ago that is. */
function lastPointWords({ fold }: Log, { capturedAt }: PointState, now: Temporal.Instant): string {
  const at = Temporal.Instant.from(capturedAt);
  const local = at.toZonedDateTimeISO(fold.machine.timeZone).toPlainDateTime().toString({ smallestUnit: "minute" });
  return `${local} (${formatDuration(now.epochMilliseconds - at.epochMilliseconds)} ago)`;
}

function sayUnprotected({ output }: App, { disks, skipped }: Unprotected): void {
  if (disks.length > 0) output.print("", "In the watched folders, and not protected:");
  const rows = disks.map(({ path, format, sizeBytes }) => ["", path, formatBytes(sizeBytes), format]);
  output.print(...formatTable([{}, {}, { align: "right" }, {}], rows));
  for (const words of skipped) output.print(`Not looked at: ${words}`);
}

function shownHealth(log: Log, { lastPoint, points, needs }: MachineHealth): object {
  const { name, protected: isProtected } = log.fold.machine;
  const shown =
    lastPoint === null ? null : shownPoint(lastPoint, namesOfPoints(log).get(lastPoint.point) ?? lastPoint.point);
  return { id: log.machine, name, protected: isProtected, lastPoint: shown, points, needs };
}
