import { sha256Text } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { raiseAlarm } from "#keys/audit/alarms.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { deletePoints, deleteVolumes, loadPoints, savePoints, saveVolumes } from "#keys/needs/point-rows.ts";
import type { MachineRef } from "#keys/needs/point-rows.ts";
import { planReport } from "#keys/needs/report-plan.ts";
import type { ReportPlan, ReportedPoint, ReportedVolume } from "#keys/needs/report-plan.ts";
import { passRunningDay } from "#keys/needs/running-day.ts";
import { prepared } from "#keys/store/prepared.ts";
import { countReportDay, runningDays } from "#keys/vaults/counted-days.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";
import { thawIfReported } from "#keys/vaults/thaw.ts";

/** All points that a vault holds of a machine. */
export type PointReport = MachineRef & {
  readonly machineName: string;
  readonly points: readonly Omit<ReportedPoint, "volumesDigest">[];
};

/** What a report changed, and whether it was the last that a recovery waited for. */
export type ReportOutcome = Omit<ReportPlan, "saved" | "volumes" | "freed"> & {
  readonly freed: number;
  readonly thawed: boolean;
  /** Anything but when it came. */
  readonly changed: boolean;
};

/** More encrypted volumes than this in one report are no machine's. */
const VOLUMES_LIMIT = 1_000_000;

/**
 * Stores a report: what is new counts at once, what is missing waits in quarantine. The same report again changes nothing but
 * the time of the last. To be called inside a transaction. Does not look at who reports: see `receiveReport`.
 *
 * @param digest  equal for reports that say the same of the machine, and for no others
 * @param spend   told how many rows it writes, before it does; may refuse that by an error
 * @throws {LockstepError} ARGUMENT_INVALID: a point is in it twice, or it has too many volumes; and what `spend` throws
 */
export function saveReport(
  store: KeyStore,
  report: PointReport,
  digest: string,
  spend: (rows: number) => void,
): ReportOutcome {
  const reported = byId(report);
  passRunningDay(store);
  hear(store, report, digest);
  const today = countReportDay(store, report.vault, report.machine);
  const nowMs = store.deps.now().epochMilliseconds;
  const { saved, volumes, freed, ...outcome } = planReport(loadPoints(store, report), reported, { today, nowMs });
  spend(saved.length + rowsOf(volumes));
  savePoints(store, report, saved);
  saveVolumes(store, report, volumes, today);
  deletePoints(store, report, freed);
  deleteVolumes(store, report, today - QUARANTINE_DAYS);
  if (outcome.alarm !== null) raiseAlarm(store, { ...report, ...outcome.alarm });
  const thawed = thawIfReported(store);
  const changed = saved.length + volumes.length + freed.length > 0 || thawed;
  return { ...outcome, freed: freed.length, thawed, changed };
}

function byId({ points, machineName }: PointReport): ReadonlyMap<string, ReportedPoint> {
  const digestOf = volumesDigests();
  const all = new Map<string, ReportedPoint>();
  for (const { point, name, capturedMs, expectedUntilMs, volumes } of points) {
    all.set(point, { point, name, capturedMs, expectedUntilMs, volumes, volumesDigest: digestOf(volumes) });
  }
  if (all.size !== points.length) throw refused(machineName, "a point is in it twice");
  const volumes = points.reduce((sum, point) => sum + point.volumes.length, 0);
  if (volumes <= VOLUMES_LIMIT) return all;
  throw refused(machineName, `it has ${volumes} encrypted volumes, and ${VOLUMES_LIMIT} are the most`);
}

function refused(machineName: string, why: string): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `reporting the points of ${machineName}: ${why}`);
}

/** Rows that volumes take at the most; headers that are the same are kept once. */
function rowsOf(points: readonly ReportedPoint[]): number {
  const distinct = new Map(points.map(({ volumesDigest, volumes }) => [volumesDigest, volumes]));
  const protectors = [...distinct.values()].flat().reduce((sum, volume) => sum + 1 + volume.protectors.length, 0);
  return points.reduce((sum, { volumes }) => sum + volumes.length, protectors);
}

/** Digests volumes; most points of a machine have those of the one before. */
function volumesDigests(): (volumes: readonly ReportedVolume[]) => string {
  const last = { text: "", digest: "" };
  return (volumes) => {
    const text = JSON.stringify(volumes);
    if (text !== last.text) Object.assign(last, { text, digest: sha256Text(text) });
    return last.digest;
  };
}

/** Notes that a report came. A vault counts as heard in an epoch once each machine that is known of it is. */
function hear(store: KeyStore, { vault, machine, machineName }: PointReport, digest: string): void {
  const nowMs = store.deps.now().epochMilliseconds;
  const { epoch } = store.facts();
  prepared(
    store.db,
    `INSERT INTO machines (vault, machine, name, last_report_ms, heard_epoch, days, newest_vault_day, report_digest)
       VALUES (?, ?, ?, ?, ?, 0, 0, ?)
       ON CONFLICT (vault, machine) DO UPDATE SET name = excluded.name, last_report_ms = excluded.last_report_ms,
         heard_epoch = excluded.heard_epoch, report_digest = excluded.report_digest`,
  ).run(vault, machine, machineName, nowMs, epoch, digest);
  prepared(
    store.db,
    `UPDATE vaults SET last_report_ms = ?, heard_day = ?,
         heard_epoch = (SELECT min(machines.heard_epoch) FROM machines WHERE machines.vault = vaults.id)
       WHERE id = ?`,
  ).run(nowMs, runningDays(store), vault);
}
