import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { takeGuess } from "#keys/access/guess-budget.ts";
import { refuseUncompared } from "#keys/bindings/bind-target.ts";
import type { BindTarget } from "#keys/bindings/bind-target.ts";
import { bindingsOf, saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { goneBindings } from "#keys/bindings/gone-bindings.ts";
import { readPresented } from "#keys/bindings/presented-header.ts";
import type { PresentedHeader } from "#keys/bindings/presented-header.ts";
import { tryVersion } from "#keys/bindings/try-version.ts";
import type { TryDeps } from "#keys/bindings/try-version.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { findVersion, loadVersion, versionName, whyUnusable } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

/** What to bind, and to what. */
export type BindRequest = BindTarget & {
  /** As `findVersion` takes it. */
  readonly version: string;
  readonly header: PresentedHeader;
};

/** A version that is bound. */
export type BoundVersion = {
  readonly version: Version;
  readonly binding: Binding;
  /** It was not bound before. */
  readonly isNew: boolean;
  /** Bindings that this live header shows to be gone; none where it is a point's. */
  readonly gone: readonly Binding[];
};

/** What a version opened. */
export type OpenedProtectors = {
  readonly version: Version;
  /** As `tryVersion` gives them. */
  readonly protectors: readonly [Protector, ...Protector[]];
  readonly facts: EncryptedVolume;
};

/**
 * Tries a version on a header and binds it to the protector that it opens, and to nothing else of the volume.
 *
 * The derivation comes first; whether the version may still be used is looked at again when it is bound.
 *
 * @throws {LockstepError} SECRET_REJECTED: it opens none; HEADER_MISMATCH, ARGUMENT_INVALID: what was compared, or was not;
 *   RATE_LIMITED: too many headers of points; VERSION_UNUSABLE; NAME_UNKNOWN, NAME_AMBIGUOUS; KDF_TOO_COSTLY; and what
 *   `readPresented` and `tryVersion` throw
 */
export async function bindVersion(
  deps: TryDeps,
  caller: Caller,
  { version: name, header: presented, ...target }: BindRequest,
  signal: AbortSignal,
): Promise<BoundVersion> {
  const { store } = deps;
  const version = findVersion(store, name);
  refuseUnusable(store, version);
  const header = await readPresented(presented, signal);
  refuseUncompared(header.facts, target);
  void store.ring; // sealed: nothing can be tried, and no guess is spent
  if (target.source === "point") takeGuess(store, caller);
  const protectors = await tried(deps, header, version, target.protector, signal);
  const opened = { version, protectors, facts: header.facts };
  const what = {
    act: "key.bind",
    subject: versionName(version),
    detail: targetDetail(header.facts, target, protectors[0]),
  };
  return act(store, caller, what, () => saveOpened(store, caller, opened, target));
}

/** @throws {LockstepError} VERSION_UNUSABLE */
function refuseUnusable({ deps }: KeyStore, version: Version): void {
  const why = whyUnusable(version, deps.now());
  if (why === null) return;
  throw new LockstepError("VERSION_UNUSABLE", `binding ${versionName(version)}: ${why}`, {
    hint: "`lockstep key recover` and `lockstep key set` make it usable again, unless it was destroyed.",
  });
}

async function tried(...given: Parameters<typeof tryVersion>): ReturnType<typeof tryVersion> {
  try {
    return await tryVersion(...given);
  } catch (error) {
    if (!isLockstepError(error, "SECRET_REJECTED")) throw error;
    const [, , version] = given;
    throw new LockstepError("SECRET_REJECTED", `binding ${versionName(version)}: ${error.message}`, {
      hint: error.hint ?? "`lockstep key match` looks for the version that opens it.",
      cause: error,
    });
  }
}

/** What the audit log says of a header, its place, and the protector that was opened. */
export function targetDetail(
  { identity, uuid, format }: EncryptedVolume,
  { place, source }: BindTarget,
  opened: Protector | null,
): Readonly<Record<string, string | null>> {
  return { source, format, volumeUuid: uuid, volumeIdentity: identity, protector: opened?.id ?? null, ...place };
}

/**
 * Stores what a version opened, each protector by itself. To be called inside a transaction.
 *
 * @returns  the binding to the first of them
 * @throws {LockstepError} VERSION_UNUSABLE: since it was tried, it was deleted, disabled or destroyed
 */
export function saveOpened(
  store: KeyStore,
  caller: Caller,
  { version, protectors, facts }: OpenedProtectors,
  { place, source }: BindTarget,
): BoundVersion {
  refuseUnusable(store, loadVersion(store, version.id));
  const known = bindingsOf(
    store,
    facts.identity,
    protectors.map(({ fingerprint }) => fingerprint),
  );
  const save = (protector: Protector): Binding =>
    saveBinding(store, {
      version: version.id,
      protector: protector.fingerprint,
      volumeIdentity: facts.identity,
      protectorId: protector.id,
      protectorKind: protector.kind,
      volumeFormat: facts.format,
      volumeUuid: facts.uuid,
      place,
      source,
      boundBy: caller.name,
    });
  const [first, ...others] = protectors;
  const binding = save(first);
  const saved = [binding, ...others.map(save)];
  const gone = source === "point" ? [] : goneBindings(store, facts, place);
  return { version, binding, isNew: saved.some(({ id }) => !known.some((each) => each.id === id)), gone };
}
