import type { LoggedVerdict } from "#vault/entry/entry.ts";
import type { PointState, ShownVolume } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** The most verdicts in one entry. */
const ITEMS = 1024;

/**
 * Logs verdicts that say something new: another word, version or derivation than the log has of that volume. So a log does not grow
 * by proofs that were carried over.
 *
 * @returns  how many did
 * @throws {LockstepError} what `Log.append` throws
 */
export async function logVerdicts(log: Log, verdicts: readonly LoggedVerdict[], signal: AbortSignal): Promise<number> {
  let logged = 0;
  for (let from = 0; from < verdicts.length; from += ITEMS) {
    const part = verdicts.slice(from, from + ITEMS);
    let fresh: readonly LoggedVerdict[] = [];
    await log.append((fold) => {
      fresh = part.filter((each) => isNews(each, fold.points.get(each.point)));
      return fresh.length === 0 ? null : { type: "verdict", compatible: true, items: fresh };
    }, signal);
    logged += fresh.length;
  }
  return logged;
}

function isNews(verdict: LoggedVerdict, point: PointState | undefined): boolean {
  if (point === undefined) return false;
  const known = point.shown.find(({ disk, volume }) => disk === verdict.disk && volume === verdict.volume);
  return known === undefined || !isSame(known, verdict);
}

function isSame(a: ShownVolume, b: LoggedVerdict): boolean {
  return a.verdict === b.verdict && a.version === b.version && a.derivedAt === b.derivedAt && a.unproven === b.unproven;
}
