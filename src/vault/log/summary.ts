import type { Random } from "#crypto/derive.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { entryHashes } from "#vault/log/log-reader.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import { parseSummary, writeSummary } from "#vault/log/summary-format.ts";
import type { ReadSummary } from "#vault/log/summary-format.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys, parseSeqKey } from "#vault/object/object-keys.ts";
import { SEALED_LIMIT_BYTES, openObject, sealObject } from "#vault/object/sealed.ts";

/** Summaries that `surplusSummaries` leaves: the newest, and one more in case that one is broken. */
const KEPT = 2;

/**
 * True when it is time for a summary: reading the entries since the last one would cost a good part of what reading one
 * does.
 *
 * @param last  number of the entry that the last good summary ends with, 0 when there is none
 */
export function summaryIsDue(fold: Fold, last: number): boolean {
  return fold.seq - last >= 64 + fold.points.size / 128 + fold.generations.size / 256;
}

/** Writes the fold as a summary. One that is there already is as good. */
export async function putSummary(source: LogSource, fold: Fold, random: Random, signal: AbortSignal): Promise<void> {
  const key = objectKeys.summary(source.machine, fold.seq);
  await source.store.put(key, [sealObject(source.keys, "summ", key, writeSummary(fold), random)], {}, signal);
}

/** Numbers of a machine's summaries, as a listing shows them: the numbers of the entries that they end with. */
export async function listSummaries(store: Store, machine: MachineId, signal: AbortSignal): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const { key } of store.list(objectKeys.summaryPrefix(machine), {}, signal)) {
    const seq = parseSeqKey(key);
    if (seq !== null) found.push(seq);
  }
  return found;
}

/** Summaries that may be deleted, at any time and by anyone: all but the two newest. */
export function surplusSummaries(seqs: readonly number[]): readonly number[] {
  return [...seqs].sort((a, b) => a - b).slice(0, -KEPT);
}

/**
 * Reads one summary. Does not verify that it is the fold of the log: see `verifyLog`.
 *
 * @returns  null when it is gone
 * @throws {LockstepError} OBJECT_CORRUPT, OBJECT_TOO_LARGE, VAULT_NEWER
 */
export async function readSummary(source: LogSource, seq: number, signal: AbortSignal): Promise<ReadSummary | null> {
  const key = objectKeys.summary(source.machine, seq);
  const bytes = await source.store.get(key, SEALED_LIMIT_BYTES, signal);
  if (bytes === null) return null;
  const read = parseSummary(openObject(source.keys, "summ", key, bytes), key);
  if (read.fold.seq === seq) return read;
  throw new LockstepError("OBJECT_CORRUPT", `${key}: is the summary of entry ${read.fold.seq}`);
}

/** Where reading a log may start. */
export type NewestSummary = {
  /** Null when there is no summary that can be used: the log is read from its first entry on. */
  readonly fold: Fold | null;
  /** Entries that the log must have, since there is a summary of them; 0 when nothing is known. */
  readonly known: number;
};

/**
 * Reads the newest summary that can be used: it can be read, it opens, and the entry that it ends with is in the log, with
 * that hash. Others are passed over, and `warn` is told: a summary is never needed. One of an older program, which lacks what this
 * one knows of the log, is passed over in silence.
 */
export async function readNewestSummary(
  source: LogSource,
  warn: (warning: string) => void,
  signal: AbortSignal,
): Promise<NewestSummary> {
  const seqs = await listSummaries(source.store, source.machine, signal);
  let known = 0;
  for (const seq of [...seqs].reverse()) {
    const key = objectKeys.summary(source.machine, seq);
    try {
      const read = await readSummary(source, seq, signal);
      if (read === null) continue;
      known = Math.max(known, seq);
      if (read.isOlder) continue;
      const { fold } = read;
      if ((await entryHashes(source, seq, signal)).includes(fold.hash)) return { fold, known };
      warn(`${key} was passed over: the log does not have the entry that it ends with`);
    } catch (error) {
      if (!isLockstepError(error, "OBJECT_CORRUPT", "OBJECT_TOO_LARGE", "VAULT_NEWER", "STORE_UNAVAILABLE"))
        throw error;
      warn(`${key} was passed over: ${messageOf(error)}`);
    }
  }
  return { fold: null, known };
}
