import { isLockstepError } from "#errors/errors.ts";
import { bindingsOf } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Verdict } from "#keys/proofs/proof-statement.ts";
import { loadVersion, versionValue, whyUnusable } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedHeader, UnlockedVolume, UnlockTerms } from "#volume/header/encrypted-header.ts";
import { refuseCost } from "#volume/header/kdf-cost.ts";
import type { Protector } from "#volume/header/volume.ts";

/** A version that is bound to a protector that a header has. */
export type BoundVersion = { readonly version: Version; readonly protector: Protector };

/** More than this of a volume's bound versions are not tried. */
const TRIES_LIMIT = 4;

/**
 * The versions that are bound to exactly a protector and the volume identity of this header, the one that was bound last first.
 *
 * Left out is what would let a secret be tried on more than its own protector: an id that two protectors share, and a version of a LUKS2
 * volume in conversion that is not bound to all protectors that it would be tried on.
 */
export function boundVersions(
  store: KeyStore,
  header: Pick<EncryptedHeader, "facts" | "protectorsFor">,
): readonly BoundVersion[] {
  const { identity, protectors, state, format } = header.facts;
  const fingerprints = protectors.map(({ fingerprint }) => fingerprint);
  const bindings = bindingsOf(store, identity, fingerprints);
  const bound = bindings.flatMap(({ protector: fingerprint, version: id }): BoundVersion[] => {
    const protector = protectors.find((each) => each.fingerprint === fingerprint);
    const isAlone = protectors.filter((each) => each.id === protector?.id).length === 1;
    return protector === undefined || !isAlone ? [] : [{ version: loadVersion(store, id), protector }];
  });
  if (state !== "converting" || format !== "luks2") return bound;
  return bound.filter(({ version }) => {
    const own = bindings.filter((binding) => binding.version === version.id).map(({ protector }) => protector);
    return header.protectorsFor(version).every(({ fingerprint }) => own.includes(fingerprint));
  });
}

/** What came of trying versions on a volume. */
export type Opening =
  | { readonly verdict: "opens"; readonly version: Version; readonly unlocked: UnlockedVolume }
  | { readonly verdict: FailedVerdict; readonly version: Version; readonly tried: boolean };

type FailedVerdict = Exclude<Verdict, "reads" | "opens" | "opens, content damaged" | "not bound">;

/**
 * Tries versions on the protectors that they are bound to, each on its own alone, until one opens the volume.
 *
 * @param bound   at least one
 * @param spend   told before each trial what it is expected to take; may refuse it by an error
 * @returns       where none opens it, what came of the first that could be used; the caller disposes of what is unlocked
 * @throws {LockstepError} KEY_STORE_SEALED; KDF_FAILED, CANCELLED; and what `spend` throws
 */
export async function openBound(
  store: KeyStore,
  header: EncryptedHeader,
  bound: readonly BoundVersion[],
  terms: Omit<UnlockTerms, "only">,
  spend: (seconds: number) => void,
  signal: AbortSignal,
): Promise<Opening> {
  const failures: Exclude<Opening, { verdict: "opens" }>[] = [];
  for (const { version, protector } of bound.slice(0, TRIES_LIMIT)) {
    if (whyUnusable(version, store.deps.now()) !== null) {
      failures.push({ verdict: "version unusable", version, tried: false });
      continue;
    }
    const { id, cost } = protector;
    let tried = false;
    try {
      using value = versionValue(store, version);
      if (cost !== null) refuseCost(cost, terms.limit, id);
      spend(cost?.seconds ?? 0);
      tried = true;
      const unlocked = await header.unlock({ kind: version.kind, secret: value }, { ...terms, only: id }, signal);
      return { verdict: "opens", version, unlocked };
    } catch (error) {
      failures.push({ verdict: verdictOf(error), version, tried });
    }
  }
  const first = failures.find(({ verdict }) => verdict !== "version unusable") ?? failures[0];
  if (first === undefined) throw new Error("there is a bound version");
  return first;
}

/** What an unlock that failed says of the volume. @throws what says nothing of it */
function verdictOf(error: unknown): FailedVerdict {
  if (isLockstepError(error, "SECRET_REJECTED", "SECRET_INVALID")) return "rejected";
  if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT")) return "header damaged";
  if (isLockstepError(error, "VOLUME_UNSUPPORTED")) return "unsupported";
  if (isLockstepError(error, "KDF_TOO_COSTLY")) return "not tried";
  if (isLockstepError(error, "KEY_STORE_CORRUPT")) return "version unusable"; // its value is damaged
  throw error;
}
