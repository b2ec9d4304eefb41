import { isLockstepError } from "#errors/errors.ts";
import { noteTried, protectorsTried } from "#keys/bindings/tries.ts";
import { custodianDeriver } from "#keys/derivations/derivations.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import { versionValue } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";
import type { Protector } from "#volume/header/volume.ts";

/** What trying versions on headers works with. */
export type TryDeps = {
  readonly store: KeyStore;
  readonly kdf: KeyDeriver;
  /** The most that trying one version may cost. */
  readonly costLimit: CostLimit;
};

/**
 * Tries a version on a header. That it opens nothing is noted, so that points with this header do not need it for being untried.
 * Does not look at whether the version may be used: see `whyUnusable`.
 *
 * @param only  the protector that is tried; null: all that fit
 * @returns     the protectors that it opens: one, or one for each key of a volume that is being re-encrypted; the one that shows the newest comes first
 * @throws {LockstepError} SECRET_REJECTED: it opens none; KEY_STORE_SEALED, KEY_STORE_CORRUPT, VERSION_UNUSABLE: its value;
 *   RATE_LIMITED: what may be derived for this volume today is spent; and what `unlockWithin` throws
 */
export async function tryVersion(
  { store, kdf, costLimit }: TryDeps,
  header: EncryptedHeader,
  version: Version,
  only: string | null,
  signal: AbortSignal,
): Promise<readonly [Protector, ...Protector[]]> {
  using value = versionValue(store, version);
  const secret = { kind: version.kind, secret: value };
  const terms = { kdf: custodianDeriver(store, kdf, header.facts.identity), limit: costLimit, only };
  try {
    using unlocked = await unlockWithin(header, secret, terms, signal);
    if (unlocked.protector === null) throw new Error("no version is a volume key");
    return [unlocked.protector, ...unlocked.others];
  } catch (error) {
    if (isLockstepError(error, "SECRET_REJECTED")) {
      const tried = protectorsTried(header, version.kind, only);
      inTransaction(store.db, () => noteTried(store, version.id, header.facts.identity, tried));
    }
    throw error;
  }
}
