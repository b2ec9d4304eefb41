import type { Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { machinesToSearch } from "#cli/machines/machines-to-search.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { expectOption } from "#cli/program/options.ts";
import { lightName, openedWords, reasonLines } from "#cli/shown/light-words.ts";
import { keptWords, shownFate } from "#cli/shown/shown-fate.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { mapLines } from "#cli/shown/shown-volume.ts";
import { pointRecord } from "#ops/backup/point-record.ts";
import type { PointRecordFile } from "#ops/backup/point-record.ts";
import { findPoint, namesOfPoints } from "#ops/points/find-point.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { pointWarnings } from "#ops/points/point-warnings.ts";
import { listPoints } from "#ops/points/points.ts";
import type { ListedPoint } from "#ops/points/points.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { PointBody } from "#vault/point-body.ts";
import type { VolumeMap } from "#volume/inspect.ts";

/** `point show POINT` */
export const define: Define = (command, run) => {
  command
    .argument("<point>", "web01, web01@2026-11-23, web01@2026-11-23T14:05, or the start of an id")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep point show web01", "the newest point"],
          ["lockstep point show web01@2026-11-23T14:05 --json", ""],
        ],
        ["0 shown", "3 shown, and the point is torn or lacks sectors that could not be read"],
      ),
    )
    .action(
      run(async (app, text: string, { expect }: { readonly expect?: Expectation }) => {
        const { output, signal, now } = app;
        const opened = await app.openVault();
        const { vault } = opened;
        const machines = await machinesToSearch(opened, text, expect);
        const { log, point, name } = findPoint(machines, text);
        const body = await readBodyOrNull(vault, log, point, signal);
        const warnings = pointWarnings(point, name, body, null);
        const which = point.deleted === null ? "live" : "deleted";
        const listed = listPoints(log, which, now()).find(({ state }) => state.point === point.point);
        const record = pointRecord(log, point, body);
        const volumes = volumesOf(point, body);
        const light = pointLights(log.fold, now())(point);
        const base = record.base === null ? null : (namesOfPoints(log).get(record.base) ?? record.base);
        const lines = [...factLines(name, record, base, listed), ...lightLines(light, now())];
        output.print(...formatTable([{}, {}], lines), ...reasonLines(light), "", ...diskLines(record));
        for (const { disk, map, failure } of volumes) {
          if (map !== null) output.print("", ...mapLines(`disk ${disk}`, map));
          if (failure !== null) output.print(`disk ${disk}: ${failure}`);
        }
        for (const { code, message, hint } of warnings) output.warn({ code, message, hint });
        output.finish({
          point: {
            machine: log.fold.machine.name,
            machineId: log.machine,
            ...shownPoint(point, name),
            ...(listed === undefined ? {} : shownFate(listed)),
            light: shownLight(light),
            disks: record.disks,
            definition: record.machine,
            volumes,
          },
        });
        return warnings.some(({ notGreen }) => notGreen) ? exitCodes.notGreen : exitCodes.done;
      }),
    );
};

/** What the volumes of the point's disks were when it was taken; null where nobody looked, or where that failed. */
function volumesOf(
  point: PointState,
  body: PointBody | null,
): readonly { readonly disk: string; readonly map: VolumeMap | null; readonly failure: string | null }[] {
  return point.disks.map(({ disk, name }) => {
    const volumes = body?.disks.find((each) => each.disk === disk)?.volumes;
    return { disk: name, map: storedMap(volumes), failure: volumes?.failure ?? null };
  });
}

function lightLines(light: PointLight, now: Temporal.Instant): string[][] {
  const opened = openedWords(light, now);
  return [["light", lightName(light.light)], ...(opened === "" ? [] : [["keys", opened]])];
}

/** @param base  the name of the point that it was compared with; its id where that is gone */
function factLines(
  name: string,
  record: PointRecordFile,
  base: string | null,
  listed: ListedPoint | undefined,
): string[][] {
  const { state, fate } = listed ?? {};
  const facts = [
    ["point", name],
    ["id", record.point],
    ["captured", toSecond(record.capturedAt)],
    ["consistency", record.consistency],
    ["compared with", base ?? "nothing: a full one"],
    [
      "paths",
      record.machine.disks
        .filter(({ removedAt }) => removedAt === undefined)
        .map(({ path }) => path)
        .join(", "),
    ],
  ];
  if (state !== undefined) {
    facts.push(["read", formatBytes(state.readBytes)], ["new", formatBytes(state.newBytes)]);
    facts.push(["stored", formatBytes(state.storedBytes)]);
  }
  if (fate?.kind === "kept") {
    facts.push(["kept as", keptWords(fate.reasons)], ["expected until", fate.until.toString()]);
  }
  if (fate?.kind === "deleted") {
    facts.push(["deleted", `${toSecond(fate.at)}, ${fate.reason}`], ["undelete until", toSecond(fate.until)]);
  }
  return facts;
}

/** In UTC, as `--json` has it to the nanosecond. */
function toSecond(at: string | Temporal.Instant): string {
  return Temporal.Instant.from(at).toString({ smallestUnit: "second" });
}

const changeWords = { scan: "a scan", ranges: "a list of changes" };

function diskLines({ disks }: PointRecordFile): string[] {
  const rows = disks.map(({ name, id, sizeBytes, dataBytes, changes, capturedFrom, capturedTo }) => [
    name,
    id.slice(0, 8),
    formatBytes(sizeBytes),
    formatBytes(dataBytes),
    changes === null ? "?" : changeWords[changes],
    toSecond(capturedFrom),
    toSecond(capturedTo),
  ]);
  const columns = [
    { title: "DISK" },
    { title: "ID" },
    { title: "SIZE", align: "right" },
    { title: "DATA", align: "right" },
    { title: "FOUND BY" },
    { title: "CAPTURED FROM" },
    { title: "TO" },
  ] as const;
  return formatTable(columns, rows);
}
