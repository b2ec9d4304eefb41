import type { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { bindingsOfVersion } from "#keys/bindings/bindings.ts";
import { refuseFrozen } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { findVersion, versionName, versionValue, whyUnusable } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/**
 * Whether somebody outside has a version's value, or a volume does: it was given, or it opens one. One that was made here and
 * used nowhere has to be in a durable copy before it leaves, or a volume could depend on what a broken disk takes away.
 */
export function isOutside(store: KeyStore, { id, origin }: Version): boolean {
  return origin === "given" || bindingsOfVersion(store, id).length > 0;
}

/**
 * Takes a version's value out for a person. The audit log has who and why before anybody gets it. Whether a copy holds what was
 * made here is for the caller to see to: see `isOutside`.
 *
 * @param name    as `findVersion` takes it
 * @returns       the caller wipes the value
 * @throws {LockstepError} VERSION_UNUSABLE, KEY_STORE_FROZEN, KEY_STORE_SEALED, KEY_STORE_CORRUPT, NAME_UNKNOWN, NAME_AMBIGUOUS
 */
export function revealVersion(
  store: KeyStore,
  caller: Caller,
  name: string,
  reason: string,
): { readonly version: Version; readonly value: Secret } {
  const detail: Record<string, string> = { reason };
  return act(store, caller, { act: "key.reveal", subject: name, detail }, () => {
    const version = findRevealable(store, name);
    detail["version"] = versionName(version);
    return { version, value: versionValue(store, version) };
  });
}

/** The version that `revealVersion` would reveal now. @throws {LockstepError} as it does */
export function findRevealable(store: KeyStore, name: string): Version {
  void store.ring;
  const version = findVersion(store, name);
  refuseFrozen(store, `revealing ${versionName(version)}`);
  const why = whyUnusable(version, store.deps.now());
  if (why === null) return version;
  throw new LockstepError("VERSION_UNUSABLE", `revealing ${versionName(version)}: ${why}`, {
    hint: "`lockstep key recover` and `lockstep key set` make it usable again, unless it was destroyed.",
  });
}
