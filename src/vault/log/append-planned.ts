import type { EntryDraft } from "#vault/entry/entry.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Appended, Log } from "#vault/log/log.ts";
import { appendInSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";

/**
 * Appends what `plan` asks for, entry after entry, until it asks for nothing more. Whenever another writer came in
 * between, the rest of the plan is dropped and made anew from the new fold.
 *
 * @param plan  entries that follow a fold, such that each leaves the ones behind it right
 * @returns     what was appended; it ends with the first entry that did not count, where one did not
 * @throws {LockstepError} SESSION_FENCED, and what `Log.append` throws
 */
export async function appendPlanned<Draft extends EntryDraft>(
  log: Log,
  session: Session,
  plan: (fold: Fold) => readonly Draft[],
  signal: AbortSignal,
): Promise<readonly Appended[]> {
  const done: Appended[] = [];
  let plannedFor: Fold | null = null;
  let planned: readonly Draft[] = [];
  let next = 0;
  for (;;) {
    const appended = await appendInSession(
      log,
      session,
      (fold) => {
        if (fold !== plannedFor) {
          planned = plan(fold);
          next = 0;
        }
        plannedFor = fold;
        return planned[next] ?? null;
      },
      signal,
    );
    if (appended === null) return done;
    done.push(appended);
    if (appended.ignored.length > 0) return done;
    next++;
    plannedFor = appended.fold;
  }
}
