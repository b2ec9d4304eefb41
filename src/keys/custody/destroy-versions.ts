import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { certify, loadCertificate } from "#keys/custody/certificates.ts";
import type { Certificate } from "#keys/custody/certificates.ts";
import { refuseLoss } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { refuseDamagedDatabase } from "#keys/store/database-damage.ts";
import { eraseFreed } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";
import { findVersion, loadVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/**
 * Destroys the values of versions that were deleted: they are gone from the database file. All of them, or none. Copies of the
 * store keep what they hold: the certificate of each says which.
 *
 * @param names  of versions: `web01/v1`
 * @returns      all of them, destroyed now or before; and as `eraseFreed`
 * @throws {LockstepError} VERSION_NOT_DELETED, VERSION_NEEDED, KEY_STORE_FROZEN, KEY_STORE_SEALED, NAME_UNKNOWN; KEY_STORE_CORRUPT: the database is
 *   damaged anywhere, so that what needs a version may be missing in it
 */
export function destroyVersions(
  store: KeyStore,
  caller: Caller,
  names: readonly string[],
): {
  readonly versions: readonly { readonly version: Version; readonly certificate: Certificate }[];
  readonly notErased: string | null;
} {
  const versions = act(store, caller, { act: "key.purge", subject: names.join(", ") }, () => {
    refuseDestruction(store, names);
    refuseDamagedDatabase(store.db, `destroying ${names.join(", ")}`);
    return names.map((name) => {
      const found = findVersion(store, name);
      const version = found.destroyedMs === null ? destroy(store, caller, found) : found;
      return { version, certificate: loadCertificate(store, version.id) };
    });
  });
  return { versions, notErased: eraseFreed(store.db) };
}

/** Refuses what `destroyVersions` would refuse now, damage apart, for which all would have to be read. @throws {LockstepError} as it does */
export function refuseDestruction(store: KeyStore, names: readonly string[]): void {
  void store.ring;
  for (const name of names) {
    const version = findVersion(store, name);
    if (version.destroyedMs !== null) continue;
    if (version.deletedMs === null) {
      throw new LockstepError("VERSION_NOT_DELETED", `destroying ${name}: it is not deleted`, {
        hint: `Delete it first, which can be taken back: lockstep key delete ${name}`,
      });
    }
    refuseLoss(store, version, "destroying");
  }
}

function destroy(store: KeyStore, caller: Caller, { id }: Version): Version {
  store.db
    .prepare("UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = ? WHERE id = ?")
    .run(store.deps.now().epochMilliseconds, id);
  const destroyed = loadVersion(store, id);
  certify(store, caller, destroyed);
  return destroyed;
}
