import { equalBytes } from "#bytes/arrays.ts";
import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { LoggedEntry } from "#vault/entry/entry.ts";
import { applyEntry, firstFold } from "#vault/fold/fold-entry.ts";
import { FoldMap } from "#vault/fold/fold-map.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { lastListed, readLog } from "#vault/log/log-reader.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import { writeSummary } from "#vault/log/summary-format.ts";
import type { ReadSummary } from "#vault/log/summary-format.ts";
import { listSummaries, readSummary } from "#vault/log/summary.ts";

/** A summary that readers should not have: they pass over a broken one, but believe a wrong one. */
export type WrongSummary = { readonly seq: number; readonly why: string };

/** What reading a whole log shows. */
export type WholeLog = {
  /** Of all entries, computed without summaries; null when there is none. */
  readonly fold: Fold | null;
  readonly wrong: readonly WrongSummary[];
  readonly warnings: readonly string[];
};

/**
 * Reads a log from its first entry on, computes every summary again and compares.
 *
 * @param visit  is given each entry, with the fold after it
 * @throws {LockstepError} LOG_CORRUPT, VAULT_NEWER, KEYRING_ROLLED_BACK: see `readLog`
 */
export async function verifyLog(
  source: LogSource,
  visit: (entry: LoggedEntry, fold: Fold) => void,
  signal: AbortSignal,
): Promise<WholeLog> {
  const unchecked = new Set(await listSummaries(source.store, source.machine, signal));
  const wrong: WrongSummary[] = [];
  const warnings: string[] = [];
  const known = await lastListed(source, 0, signal);
  let fold: Fold | null = null;
  for await (const entry of readLog(source, null, known, (warning) => warnings.push(warning), signal)) {
    fold = fold === null ? firstFold(entry) : applyEntry(fold, entry).fold;
    visit(entry, fold);
    if (!unchecked.delete(fold.seq)) continue;
    const why = await faultOf(source, fold, signal);
    if (why !== null) wrong.push({ seq: fold.seq, why });
  }
  for (const seq of unchecked) wrong.push({ seq, why: "the log has no such entry" });
  return { fold, wrong, warnings };
}

/** A summary of an older program need only have what that knew. */
function isSame({ fold: found, isOlder }: ReadSummary, fold: Fold): boolean {
  const known = isOlder ? withoutShown(fold) : fold;
  return equalBytes(writeSummary(found), writeSummary(known));
}

function withoutShown(fold: Fold): Fold {
  const unseen = { volumes: null, shown: [], checkedAt: null, hurt: false };
  const points = FoldMap.of([...fold.points].map(([id, state]) => [id, { ...state, ...unseen }]));
  return { ...fold, points, keyStore: null, receipts: new Map(), checks: new Map() };
}

async function faultOf(source: LogSource, fold: Fold, signal: AbortSignal): Promise<string | null> {
  try {
    const found = await readSummary(source, fold.seq, signal);
    if (found === null || isSame(found, fold)) return null;
    return "it is not what the entries up to there give";
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT", "OBJECT_TOO_LARGE", "VAULT_NEWER", "STORE_UNAVAILABLE")) {
      return messageOf(error);
    }
    throw error;
  }
}
