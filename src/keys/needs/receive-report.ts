import { spendRows } from "#keys/access/backup-rows.ts";
import { appendAudit } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { saveReport } from "#keys/needs/point-report.ts";
import type { PointReport, ReportOutcome } from "#keys/needs/point-report.ts";
import type { MachineRef } from "#keys/needs/point-rows.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { requireReporter } from "#keys/vaults/vaults.ts";

/** A report as it came: what it is known by, and its points, which are only looked at where it says something new. */
export type ReceivedPoints = Omit<PointReport, "points"> & {
  /** Equal for reports that say the same of the machine, and for no others. */
  readonly digest: string;
  readonly points: () => PointReport["points"];
};

/** What a report comes to. */
export type ReceivedReport = Pick<ReportOutcome, "quarantined" | "alarm">;

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Takes a report of a machine's points. It leaves an entry in the audit log where it changed something, and the first of each day does; the
 * same again within an hour writes nothing at all.
 *
 * @throws {LockstepError} NAME_UNKNOWN, NOT_ALLOWED: see `requireReporter`; RATE_LIMITED: the identity has added too much today; and
 *   what `saveReport` throws. Nothing of the report counts then
 */
export function receiveReport(store: KeyStore, caller: Caller, received: ReceivedPoints): ReceivedReport {
  const { vault, machine, machineName, digest } = received;
  requireReporter(store, caller, vault);
  const last = lastReport(store, received);
  const nowMs = store.deps.now().epochMilliseconds;
  const isNewDay = last === null || dayOf(last.atMs) !== dayOf(nowMs);
  const isLately = last !== null && !isNewDay && Math.abs(nowMs - last.atMs) < HOUR_MS;
  if (isLately && last.digest === digest && last.epoch === store.facts().epoch) {
    return { quarantined: quarantinedPoints(store, received), alarm: null };
  }
  const points = received.points();
  const spend = (rows: number): void => {
    // What is said again is heard, whatever was spent. A machine that is new is a row as well, and each change an audit entry.
    if (rows > 0 || last === null) spendRows(store, caller, rows + 2, `reporting the points of ${machineName}`);
  };
  return inTransaction(store.db, () => {
    const { changed, alarm, ...outcome } = saveReport(store, { vault, machine, machineName, points }, digest, spend);
    if (changed || isNewDay || last.name !== machineName) {
      const detail = { vault, machine, points: points.length, ...outcome, alarmed: alarm !== null };
      appendAudit(store.db, caller, { act: "point.report", subject: machineName, detail }, "done", store.deps.now());
    }
    return { quarantined: outcome.quarantined, alarm };
  });
}

function lastReport(
  { db }: KeyStore,
  { vault, machine }: MachineRef,
): { readonly name: string; readonly atMs: number; readonly epoch: number; readonly digest: string } | null {
  const sql = "SELECT name, last_report_ms, heard_epoch, report_digest FROM machines WHERE vault = ? AND machine = ?";
  const row = prepared(db, sql).get(vault, machine);
  if (row === undefined) return null;
  return {
    name: String(row["name"]),
    atMs: Number(row["last_report_ms"]),
    epoch: Number(row["heard_epoch"]),
    digest: String(row["report_digest"]),
  };
}

function quarantinedPoints({ db }: KeyStore, { vault, machine }: MachineRef): number {
  const sql = "SELECT count(*) AS n FROM points WHERE vault = ? AND machine = ? AND missing_day IS NOT NULL";
  return Number(prepared(db, sql).get(vault, machine)?.["n"]);
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}
