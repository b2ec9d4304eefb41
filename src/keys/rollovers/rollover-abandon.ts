import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { loadRollover, saveRolloverState } from "#keys/rollovers/rollovers.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import type { Caller } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";

/**
 * Gives a rollover up without a look at its volume, such as one that does not exist any more. Both versions and their bindings stay as
 * they are, since each may still open it. To undo what was done to a volume that is there, see `nextOfRollover`, aim "back".
 *
 * @throws {LockstepError} NAME_UNKNOWN; NOT_ALLOWED: it has ended
 */
export function abandonRollover(store: KeyStore, caller: Caller, id: string, reason: string): Rollover {
  return act(store, caller, { act: "rollover.abandon", subject: id, detail: { reason } }, () => {
    const { oldVersion, slot, endedMs } = loadRollover(store, id);
    if (endedMs !== null) {
      throw new LockstepError("NOT_ALLOWED", `abandoning the rollover of ${versionName(oldVersion)}: it has ended`);
    }
    saveRolloverState(store, id, { step: "abandoned", slot });
    return loadRollover(store, id);
  });
}
