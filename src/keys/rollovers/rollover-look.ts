import type { Secret } from "#bytes/secret.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { bindingsOf } from "#keys/bindings/bindings.ts";
import { freeKeyslots } from "#keys/bindings/free-keyslots.ts";
import { custodianDeriver } from "#keys/derivations/derivations.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { HeaderSeen } from "#keys/rollovers/rollover-plan.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import { versionName, versionValue, whyUnusable } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import type { Protector } from "#volume/header/volume.ts";
import type { VolumeSource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** What a rollover derives keys with. */
export type RolloverDeps = {
  readonly store: KeyStore;
  readonly kdf: KeyDeriver;
  /** The most that one derivation may cost, and all on one volume together. */
  readonly costLimit: CostLimit;
};

/** What a live header showed. */
export type RolloverLook = {
  readonly header: EncryptedHeader;
  readonly seen: HeaderSeen;
  /** Protectors on which a version was not tried, and why, in words. */
  readonly notTried: readonly string[];
};

/**
 * Reads the header of the volume that a rollover is of, and refuses another volume's.
 *
 * @throws {LockstepError} HEADER_MISMATCH: it decrypts other sectors, or with another volume key; VOLUME_UNSUPPORTED: it is being
 *   converted, or cannot be read with any key; VOLUME_MISSING; and what the readers throw
 */
export async function readRolloverHeader(
  source: VolumeSource,
  volumeIdentity: string,
  signal: AbortSignal,
): Promise<EncryptedHeader> {
  const header = await readVolumeHeader(source, "what was presented", signal);
  const { identity, state, unreadable } = header.facts;
  if (state === "converting" || unreadable !== null) {
    const why = unreadable ?? "it is being converted";
    throw new LockstepError("VOLUME_UNSUPPORTED", `rolling over a volume: ${why}`, {
      hint: "Let the conversion come to its end, and bind the volume anew: `lockstep key bind`.",
    });
  }
  if (identity === volumeIdentity) return header;
  throw new LockstepError(
    "HEADER_MISMATCH",
    "rolling over a volume: this is another one, or it has another volume key",
    {
      hint: "Name the disk that the key is bound to. After a re-encryption bind the volume anew: `lockstep key bind`.",
    },
  );
}

/**
 * Tries both versions of a rollover on its volume's header.
 *
 * Neither is tried on a protector that is bound to another version. The old one is tried on protectors that are bound to no version
 * only once none that it is bound to is left: it may be in the header twice.
 *
 * @param source  the header's bytes
 * @throws {LockstepError} as `readRolloverHeader`; VERSION_UNUSABLE; KDF_TOO_COSTLY: of a protector that is bound;
 *   KEY_STORE_SEALED, KEY_STORE_CORRUPT, KDF_FAILED, CANCELLED
 */
export async function lookAtRollover(
  deps: RolloverDeps,
  { binding, oldVersion, newVersion }: Pick<Rollover, "binding" | "oldVersion" | "newVersion">,
  source: VolumeSource,
  signal: AbortSignal,
): Promise<RolloverLook> {
  const header = await readRolloverHeader(source, binding.volumeIdentity, signal);
  const added = await tryProtectors(deps, header, newVersion, "all", signal);
  const bound = await tryProtectors(deps, header, oldVersion, "bound", signal);
  const old = bound.opens.length > 0 ? bound : await tryProtectors(deps, header, oldVersion, "all", signal);
  return {
    header,
    seen: {
      newOpens: added.opens,
      oldOpens: old.opens,
      freeSlots: await freeKeyslots(source, header.facts.keyBits / 8, signal),
    },
    notTried: [...added.notTried, ...old.notTried],
  };
}

type Trials = { readonly opens: readonly string[]; readonly notTried: readonly string[] };

/**
 * Tries a version on protectors of a header, each alone, those first that it is bound to.
 *
 * @param which  "bound": on no others than these
 * @throws {LockstepError} as `lookAtRollover`
 */
export async function tryProtectors(
  { store, kdf, costLimit: limit }: RolloverDeps,
  header: EncryptedHeader,
  version: Version,
  which: "bound" | "all",
  signal: AbortSignal,
): Promise<Trials> {
  const { bound, free } = protectorsOf(store, header, version);
  const protectors = which === "bound" ? bound : [...bound, ...free];
  if (protectors.length === 0) return { opens: [], notTried: [] };
  using value = usableValue(store, version);
  const queued = custodianDeriver(store, kdf, null);
  const [opens, notTried]: [string[], string[]] = [[], []];
  let { seconds } = limit;
  for (const protector of protectors) {
    const { id, cost } = protector;
    const isBound = bound.includes(protector);
    const takes = cost?.seconds ?? 0;
    if (!isBound && takes > seconds) {
      notTried.push(`${versionName(version)} on ${id}: it takes about ${Math.ceil(takes)} s`);
      continue;
    }
    seconds -= takes;
    try {
      using _opened = await header.unlock(
        { kind: version.kind, secret: value },
        { kdf: queued, limit, only: id },
        signal,
      );
      opens.push(id);
    } catch (error) {
      if (isLockstepError(error, "SECRET_REJECTED")) continue;
      if (isBound || !isLockstepError(error, "KDF_TOO_COSTLY", "HEADER_CORRUPT", "VOLUME_UNSUPPORTED")) throw error;
      notTried.push(`${versionName(version)} on ${id}: ${error.message}`);
    }
  }
  return { opens, notTried };
}

/** The protectors that a version may open: those that it is bound to, and those that no version is. */
function protectorsOf(
  store: KeyStore,
  header: EncryptedHeader,
  version: Version,
): { readonly bound: readonly Protector[]; readonly free: readonly Protector[] } {
  const fitting = header.protectorsFor(version);
  const bindings = bindingsOf(
    store,
    header.facts.identity,
    fitting.map(({ fingerprint }) => fingerprint),
  );
  const all = new Set(bindings.map(({ protector }) => protector));
  const own = new Set(bindings.filter((each) => each.version === version.id).map(({ protector }) => protector));
  return {
    bound: fitting.filter(({ fingerprint }) => own.has(fingerprint)),
    free: fitting.filter(({ fingerprint }) => !all.has(fingerprint)),
  };
}

/** @throws {LockstepError} VERSION_UNUSABLE, KEY_STORE_SEALED, KEY_STORE_CORRUPT */
function usableValue(store: KeyStore, version: Version): Secret {
  const why = whyUnusable(version, store.deps.now());
  if (why === null) return versionValue(store, version);
  throw new LockstepError("VERSION_UNUSABLE", `rolling over ${versionName(version)}: ${why}`, {
    hint: "`lockstep key recover` and `lockstep key set` make it usable again, unless it was destroyed.",
  });
}
