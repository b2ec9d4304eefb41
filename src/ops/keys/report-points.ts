import type { ReportedPoint } from "#api/needs.ts";
import type { KeyClient } from "#client/key-client.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { logMissingVolumes } from "#ops/points/log-volumes.ts";
import { listPoints } from "#ops/points/points.ts";
import type { ListedPoint } from "#ops/points/points.ts";
import { isReceiptOf } from "#ops/points/read-statement.ts";
import type { Receipt } from "#vault/entry/entry.ts";
import type { Log } from "#vault/log/log.ts";
import type { Vault } from "#vault/vault.ts";

/** What the key side said of a report. */
export type PointReport = {
  /** Null while the key store is sealed, or is known to have been put back to an older state. */
  readonly receipt: Receipt | null;
  /** Points that the key side knew, and that the vault does not have any more. */
  readonly quarantined: number;
  readonly warnings: readonly string[];
};

/**
 * A receipt is logged once a day, and earlier where there is a newer copy of the key store, or where the audit log grew by so much; each
 * command that asks the key side gets one.
 */
const RECEIPT_HOURS = 20;
const RECEIPT_ENTRIES = 50;

/**
 * Tells the key side which points a vault has of a machine, what of each is encrypted, and until when it is expected to stay; so the
 * key versions that open them are not destroyed. All of it is recomputed each time, so a report that was lost does no harm.
 *
 * The receipt goes into the log, where it says something new.
 *
 * @throws {LockstepError} what the store, `Log.append` and `KeyClient.call` throw
 */
export async function reportPoints(
  { vault, log, client }: { readonly vault: Vault; readonly log: Log; readonly client: KeyClient },
  signal: AbortSignal,
): Promise<PointReport> {
  await log.read(signal);
  await logMissingVolumes(vault, log, signal);
  const { receipt, quarantined, warnings } = await client.call(
    "point.report",
    {
      vault: vault.keyring.keys.vaultId,
      machine: log.machine,
      machineName: log.fold.machine.name,
      receipts: [...log.fold.receipts.values()],
      points: reportedPoints(log, vault.now()),
    },
    signal,
  );
  if (receipt === null) return { receipt, quarantined, warnings };
  const { keyStore } = log.fold;
  const fault =
    keyStore === null || isReceiptOf(keyStore, receipt)
      ? whyRolledBack(log.fold.receipts.get(receipt.store), receipt)
      : "the receipt of the report is not signed by the key store that the log knows";
  if (fault !== null) return { receipt, quarantined, warnings: [...warnings, fault] };
  await logReceipt(log, receipt, signal);
  return { receipt, quarantined, warnings };
}

/** All points that are not purged: of deleted ones, too, somebody may want the data back. */
function reportedPoints(log: Log, now: Temporal.Instant): ReportedPoint[] {
  const { timeZone } = log.fold.machine;
  const all = [...listPoints(log, "live", now), ...listPoints(log, "deleted", now)];
  return all.map(({ state, name, fate }) => ({
    point: state.point,
    name,
    capturedAt: state.capturedAt,
    expectedUntil: untilOf(fate, timeZone),
    volumes: encryptedVolumes(state).map(({ disk, volume }) => ({
      disk: disk.name,
      volume: volume.name,
      format: volume.format,
      volumeIdentity: volume.identity,
      headerDigest: volume.headerDigest,
      protectors: [...volume.protectors],
    })),
  }));
}

/** Noon of the day that the forecast names, so that it is that day nearly everywhere; null: until somebody deletes it. */
function untilOf(fate: ListedPoint["fate"], timeZone: string): string | null {
  if (fate.kind === "deleted") return fate.until.toString();
  if (fate.until === "always") return null;
  return fate.until.toZonedDateTime({ timeZone, plainTime: "12:00" }).toInstant().toString();
}

/** Why a key store is not what it was when the log heard of it last, in words; null when it is, or has gone on from there. */
function whyRolledBack(known: Receipt | undefined, given: Receipt): string | null {
  if (known === undefined) return null;
  const isOlder = given.epoch === known.epoch ? given.auditSeq < known.auditSeq : given.epoch < known.epoch;
  const isOther =
    given.epoch === known.epoch && given.auditSeq === known.auditSeq && given.auditHash !== known.auditHash;
  if (isOther) {
    return `the key store is another one than on ${known.at}: entry ${given.auditSeq} of its audit log in epoch ${given.epoch} has another hash; somebody put an old copy of it in its place, and it went on from there`;
  }
  if (!isOlder) return null;
  return `the key store is older than it was on ${known.at}: its audit log ends with entry ${given.auditSeq} of epoch ${given.epoch}, and had entry ${known.auditSeq} of epoch ${known.epoch}; somebody put an old copy of it in its place`;
}

/** Logs a receipt, unless the log has one that tells nearly as much. */
async function logReceipt(log: Log, receipt: Receipt, signal: AbortSignal): Promise<void> {
  await log.append((fold) => {
    const known = fold.receipts.get(receipt.store);
    return known === undefined || tellsMore(receipt, known) ? { type: "receipt", compatible: true, receipt } : null;
  }, signal);
}

function tellsMore(given: Receipt, known: Receipt): boolean {
  if (given.epoch !== known.epoch) return true;
  if (given.auditSeq === known.auditSeq) return false; // the log would keep the one that it has
  // A newer copy counts, so that whoever takes it away is noticed by what the vault knows.
  if (given.copy > known.copy || given.auditSeq - known.auditSeq >= RECEIPT_ENTRIES) return true;
  const hours = Temporal.Instant.from(given.at).since(Temporal.Instant.from(known.at)).total("hours");
  return hours >= RECEIPT_HOURS;
}
