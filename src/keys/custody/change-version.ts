import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { refuseLoss } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { findVersion, loadVersion, versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { lossBy, refuseOrder } from "#policy/version-change.ts";

/** What of a version may change; what is not there stays. */
export type VersionChange = {
  readonly enabled?: boolean | undefined;
  readonly activatesMs?: number | null | undefined;
  readonly expiresMs?: number | null | undefined;
  readonly note?: string | undefined;
};

/**
 * Changes a version. Its value never changes.
 *
 * @param name  as `findVersion` takes it
 * @throws {LockstepError} VERSION_NEEDED, KEY_STORE_FROZEN: it would take the version from what needs it; VERSION_UNUSABLE: it was
 *   destroyed; ARGUMENT_INVALID: it would expire before it becomes active; NAME_UNKNOWN, NAME_AMBIGUOUS
 */
export function changeVersion(store: KeyStore, caller: Caller, name: string, change: VersionChange): Version {
  return act(store, caller, { act: "key.set", subject: name, detail: shownChange(change) }, () => {
    const before = findVersion(store, name);
    if (before.destroyedMs !== null) {
      throw new LockstepError("VERSION_UNUSABLE", `changing ${versionName(before)}: it was destroyed`);
    }
    const loss = lossBy(before, change, store.deps.now().epochMilliseconds);
    if (loss !== null) refuseLoss(store, before, loss);
    const {
      enabled = before.enabled,
      activatesMs = before.activatesMs,
      expiresMs = before.expiresMs,
      note = before.note,
    } = change;
    refuseOrder(activatesMs, expiresMs);
    store.db
      .prepare("UPDATE versions SET enabled = ?, activates_ms = ?, expires_ms = ?, note = ? WHERE id = ?")
      .run(enabled ? 1 : 0, activatesMs, expiresMs, note, before.id);
    return loadVersion(store, before.id);
  });
}

function shownChange({ enabled, activatesMs, expiresMs, note }: VersionChange) {
  return Object.fromEntries(
    Object.entries({ enabled, activatesMs, expiresMs, note }).filter(
      (entry): entry is [string, string | number | boolean | null] => entry[1] !== undefined,
    ),
  );
}
