import type { KeyStore } from "#keys/key-store.ts";
import { heldVersion } from "#keys/needs/holds.ts";
import type { Need } from "#keys/needs/need.ts";
import { destructionRefusal, needsOf } from "#keys/needs/needs.ts";
import { loadVault } from "#keys/vaults/vaults.ts";
import { loadVersion, loadVersions } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/**
 * What would need a version if a hold were released now, and why it could not be destroyed then. Changes nothing.
 *
 * @returns  as `needsOf` and `destructionRefusal` of that moment
 * @throws {LockstepError} NAME_UNKNOWN: there is no such hold, or it was ended
 */
export function needsWithoutHold(
  store: KeyStore,
  hold: string,
): { readonly version: Version; readonly needs: readonly Need[]; readonly refusal: string | null } {
  const version = loadVersion(store, heldVersion(store, hold));
  return {
    version,
    needs: needsOf(store, version).filter((need) => need.hold !== hold),
    refusal: destructionRefusal(store, version, { hold }),
  };
}

/** A version that only a vault keeps. */
export type FreedVersion = {
  readonly version: Version;
  /** Nothing would need it from the retirement on; else once the quarantine of the vault's points is over. */
  readonly atOnce: boolean;
};

/**
 * Versions that something needs now, and that nothing would need any more without a vault. Changes nothing.
 *
 * @throws {LockstepError} NAME_UNKNOWN
 */
export function freedWithoutVault(store: KeyStore, vault: string): readonly FreedVersion[] {
  const { id } = loadVault(store, vault);
  return loadVersions(store, null)
    .filter(({ destroyedMs }) => destroyedMs === null)
    .filter((version) => destructionRefusal(store, version, { pointsOf: id, silenceOf: id }) === null)
    .filter((version) => destructionRefusal(store, version) !== null)
    .map((version) => ({ version, atOnce: destructionRefusal(store, version, { silenceOf: id }) === null }));
}
