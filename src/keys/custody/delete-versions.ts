import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { refuseLoss } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { loadVersion, versionsNamed } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/**
 * Deletes a version, or all versions of a key; `recoverVersions` takes it back, until they are purged. All of them, or none.
 *
 * @param name  `web01/v1`, or `web01`
 * @returns     those that were not deleted before
 * @throws {LockstepError} VERSION_NEEDED, KEY_STORE_FROZEN, NAME_UNKNOWN
 */
export function deleteVersions(store: KeyStore, caller: Caller, name: string): readonly Version[] {
  return act(store, caller, { act: "key.delete", subject: name }, () => {
    const live = versionsNamed(store, name).filter(({ deletedMs, destroyedMs }) => (deletedMs ?? destroyedMs) === null);
    for (const version of live) refuseLoss(store, version, "deleting");
    return setDeleted(store, live, store.deps.now().epochMilliseconds);
  });
}

/**
 * Takes back that a version, or all versions of a key, were deleted.
 *
 * @param name  as of `deleteVersions`
 * @returns     those that were deleted
 * @throws {LockstepError} VERSION_UNUSABLE: every one of them was destroyed; NAME_UNKNOWN
 */
export function recoverVersions(store: KeyStore, caller: Caller, name: string): readonly Version[] {
  return act(store, caller, { act: "key.recover", subject: name }, () => {
    const kept = versionsNamed(store, name).filter(({ destroyedMs }) => destroyedMs === null);
    if (kept.length === 0) {
      throw new LockstepError("VERSION_UNUSABLE", `recovering ${name}: it was destroyed`, {
        hint: `\`lockstep key show ${name}\` lists the copies of the key store that may still hold it.`,
      });
    }
    const deleted = kept.filter(({ deletedMs }) => deletedMs !== null);
    return setDeleted(store, deleted, null);
  });
}

function setDeleted(store: KeyStore, versions: readonly Version[], deletedMs: number | null): readonly Version[] {
  const update = store.db.prepare("UPDATE versions SET deleted_ms = ? WHERE id = ?");
  for (const { id } of versions) update.run(deletedMs, id);
  return versions.map(({ id }) => loadVersion(store, id));
}
