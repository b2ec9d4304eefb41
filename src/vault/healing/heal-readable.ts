import type { SlotRanges } from "#vault/entry/entry.ts";
import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { stalledSession } from "#vault/fold/stalled-session.ts";
import { healSegment } from "#vault/healing/heal.ts";
import type { Log } from "#vault/log/log.ts";
import { openSession, withinSession } from "#vault/log/session.ts";
import { sessionOfSegment } from "#vault/object/ids.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";
import type { Vault } from "#vault/vault.ts";

/**
 * Writes segments anew of which slots that the log calls damaged read well, such as after somebody put the object right in the store:
 * a new generation is the only thing that takes a mark of damage away. Leaves alone a segment of which another slot is damaged still, since
 * that may be put right as well; what the open backup wrote; and all while another maintenance session is open,
 * unless that is taken for dead.
 *
 * @returns  how many slots the log calls damaged no more
 * @throws {LockstepError} SESSION_FENCED: another maintenance began meanwhile; what `Log.append` and the store throw
 */
export async function healReadable(
  vault: Vault,
  log: Log,
  readable: readonly (SegmentRef & { readonly slots: SlotRanges })[],
  signal: AbortSignal,
): Promise<number> {
  const written = readable.filter(({ segment }) => isDeadSession(log.fold, sessionOfSegment(segment)));
  if (written.length === 0) return 0;
  const choose = (fold: Fold) =>
    fold.maintenance === null || stalledSession(fold, "maintenance", vault.now()) !== null
      ? { base: null, adopt: false }
      : null;
  const session = await openSession(log, "maintenance", { random: vault.random, choose }, signal);
  if (session === null) return 0;
  const heal = async (): Promise<number> => {
    let healed = 0;
    for (const { slots, ...ref } of written) {
      const numbers = slots.flatMap(([first, count]) => Array.from({ length: count }, (_, index) => first + index));
      healed += (await healSegment({ vault, log, session }, ref, numbers, null, signal)).healedSlots;
    }
    return healed;
  };
  return withinSession(log, session, heal, signal);
}
