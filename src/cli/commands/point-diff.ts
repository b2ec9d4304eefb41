import type { OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { diffPoints } from "#ops/points/diff-points.ts";
import type { DiskDiff } from "#ops/points/diff-points.ts";
import { findPoint } from "#ops/points/find-point.ts";
import type { FoundPoint } from "#ops/points/find-point.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import { changesBetween } from "#ops/volumes/volume-changes.ts";
import type { VolumeNote } from "#ops/volumes/volume-changes.ts";
import type { PointDisk } from "#vault/entry/entry.ts";

/** `point diff A B` */
export const define: Define = (command, run) => {
  command
    .argument("<from>", "the earlier point: web01@2026-11-22, or the start of an id")
    .argument("<to>", "the later point")
    .option("--ranges", "print the changed ranges, in the format of docs/changed-ranges.md")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep point diff web01@2026-11-22 web01@latest", ""],
          ["lockstep point diff web01@2026-11-22 web01@latest --ranges", ""],
        ],
        ["0 compared, whether or not they differ"],
      ),
    )
    .action(
      run(async (app, fromText: string, toText: string, { ranges }: { readonly ranges?: true }) => {
        const { output, signal } = app;
        const opened = await app.openVault();
        const machines = await opened.machines();
        const from = findPoint(machines, fromText);
        const to = findPoint(machines, toText);
        const diffs = await diffPoints(opened.vault, from, to, signal);
        const notes = await volumeDiff(opened, from, to, signal);
        if (ranges === true) output.print(JSON.stringify(changedRangesOf(from.point.point, diffs)));
        else {
          const said = notes.map(({ message }) => message);
          output.print(`From ${from.name} to ${to.name}:`, ...diffLines(diffs), ...said);
        }
        output.finish({
          from: { id: from.point.point, name: from.name },
          to: { id: to.point.point, name: to.name },
          disks: diffs.map((diff) => ({
            name: diff.name,
            fromSizeBytes: diff.from?.sizeBytes ?? null,
            toSizeBytes: diff.to?.sizeBytes ?? null,
            changedBytes: diff.changedBytes,
            rangeCount: diff.ranges.length,
          })),
          volumes: notes,
          changedRanges: ranges === true ? changedRangesOf(from.point.point, diffs) : null,
        });
        return exitCodes.done;
      }),
    );
};

/** What changed of the disks' volumes, as far as both points say. */
async function volumeDiff(
  { vault }: OpenVault,
  from: FoundPoint,
  to: FoundPoint,
  signal: AbortSignal,
): Promise<readonly VolumeNote[]> {
  const before = await readBodyOrNull(vault, from.log, from.point, signal);
  const after = await readBodyOrNull(vault, to.log, to.point, signal);
  return to.point.disks.flatMap(({ disk, name }) => {
    const [old, now] = [before, after].map((body) =>
      storedMap(body?.disks.find((each) => each.disk === disk)?.volumes),
    );
    return old === null || old === undefined || now === null || now === undefined ? [] : changesBetween(name, old, now);
  });
}

/** What `backup --changed-ranges` would take for the same change. Disks that are no more have no ranges. */
function changedRangesOf(since: string, diffs: readonly DiskDiff[]): object {
  const disks = diffs
    .filter(({ to }) => to !== null)
    .map(
      ({ name, ranges }) => [name, ranges.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])] as const,
    );
  return { since, disks: Object.fromEntries(disks) };
}

function diffLines(diffs: readonly DiskDiff[]): string[] {
  const rows = diffs.map(({ name, from, to, changedBytes, ranges }) => [
    name,
    formatBytes((to ?? from)?.sizeBytes ?? 0),
    formatBytes(changedBytes),
    String(ranges.length),
    remark(from, to),
  ]);
  const columns = [
    { title: "DISK" },
    { title: "SIZE", align: "right" },
    { title: "CHANGED", align: "right" },
    { title: "RANGES", align: "right" },
    {},
  ] as const;
  return formatTable(columns, rows);
}

function remark(before: PointDisk | null, after: PointDisk | null): string {
  if (before === null) return "added";
  if (after === null) return "removed";
  return before.sizeBytes === after.sizeBytes ? "" : `was ${formatBytes(before.sizeBytes)} (${before.sizeBytes} bytes)`;
}
