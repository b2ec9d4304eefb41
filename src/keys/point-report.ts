import { sha256Text } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { raiseAlarm } from "#keys/alarms.ts";
import { countReportDay, runningDays } from "#keys/counted-days.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { deletePoints, deleteVolumes, loadPoints, savePoints, saveVolumes } from "#keys/point-rows.ts";
import type { MachineRef } from "#keys/point-rows.ts";
import { prepared } from "#keys/prepared.ts";
import { QUARANTINE_DAYS, areMany } from "#keys/quarantine.ts";
import { planReport } from "#keys/report-plan.ts";
import type { ReportPlan, ReportedPoint, ReportedVolume } from "#keys/report-plan.ts";
import { passRunningDay } from "#keys/running-day.ts";
import { thawIfReported } from "#keys/thaw.ts";

/** All points that a vault holds of a machine. */
export type PointReport = MachineRef & {
  readonly machineName: string;
  readonly points: readonly Omit<ReportedPoint, "volumesDigest">[];
};

/** What a report changed, whether so much fell at once that an alarm was raised, and whether it was the last that a recovery waited for. */
export type ReportOutcome = Omit<ReportPlan, "saved" | "volumes" | "freed"> & {
  readonly freed: number;
  readonly alarmed: boolean;
  readonly thawed: boolean;
};

/**
 * Stores a report: what is new counts at once, what is missing waits in quarantine. The same report again changes nothing but
 * the time of the last. To be called inside a transaction. Does not look at who reports: see `requireReporter`.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: a point is in it twice
 */
export function saveReport(store: KeyStore, report: PointReport): ReportOutcome {
  const reported = byId(report);
  passRunningDay(store);
  hear(store, report);
  const today = countReportDay(store, report.vault, report.machine);
  const stored = loadPoints(store, report);
  const { saved, volumes, freed, ...counts } = planReport(stored, reported, today);
  savePoints(store, report, saved);
  saveVolumes(store, report, volumes, today);
  deletePoints(store, report, freed);
  deleteVolumes(store, report, today - QUARANTINE_DAYS);
  const before = reported.size - counts.added - counts.returned + counts.quarantinedToday;
  const alarmed = counts.fallen > 0 && areMany(counts.quarantinedToday, before);
  if (alarmed) raiseAlarm(store, { ...report, missing: counts.quarantinedToday, points: before });
  return { ...counts, freed: freed.length, alarmed, thawed: thawIfReported(store) };
}

function byId({ points, machineName }: PointReport): ReadonlyMap<string, ReportedPoint> {
  const digestOf = volumesDigests();
  const all = new Map(points.map((point) => [point.point, { ...point, volumesDigest: digestOf(point.volumes) }]));
  if (all.size === points.length) return all;
  throw new LockstepError("ARGUMENT_INVALID", `reporting the points of ${machineName}: a point is in it twice`);
}

/** Digests volumes; most points of a machine have the same. */
function volumesDigests(): (volumes: readonly ReportedVolume[]) => string {
  const known = new Map<string, string>();
  return (volumes) => {
    const text = JSON.stringify(volumes);
    const digest = known.get(text) ?? sha256Text(text);
    known.set(text, digest);
    return digest;
  };
}

/** Notes that a report came. A vault counts as heard in an epoch once each machine that is known of it is. */
function hear(store: KeyStore, { vault, machine, machineName }: PointReport): void {
  const nowMs = store.deps.now().epochMilliseconds;
  const { epoch } = store.facts();
  prepared(
    store.db,
    `INSERT INTO machines VALUES (?, ?, ?, ?, ?, 0, 0)
       ON CONFLICT (vault, machine) DO UPDATE SET name = excluded.name, last_report_ms = excluded.last_report_ms,
         heard_epoch = excluded.heard_epoch`,
  ).run(vault, machine, machineName, nowMs, epoch);
  prepared(
    store.db,
    `UPDATE vaults SET last_report_ms = ?, heard_day = ?,
         heard_epoch = (SELECT min(machines.heard_epoch) FROM machines WHERE machines.vault = vaults.id)
       WHERE id = ?`,
  ).run(nowMs, runningDays(store), vault);
}
