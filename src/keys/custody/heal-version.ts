import type { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { readPresented } from "#keys/bindings/presented-header.ts";
import type { PresentedHeader } from "#keys/bindings/presented-header.ts";
import type { TryDeps } from "#keys/bindings/try-version.ts";
import { custodianDeriver } from "#keys/derivations/derivations.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { boundVersions } from "#keys/proofs/open-bound.ts";
import type { Caller } from "#keys/store/model.ts";
import { findVersion, loadVersion, valueName, versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { refuseCost } from "#volume/header/kdf-cost.ts";
import type { Protector } from "#volume/header/volume.ts";

/**
 * Puts a value that is damaged right, by the same value from elsewhere: it must open a protector that the version is bound to, of whichever
 * header has that. Nothing else of the version changes.
 *
 * @param given.value  the caller disposes of it
 * @returns            the protector that it opened
 * @throws {LockstepError} ARGUMENT_INVALID: the value is not damaged; NOT_BOUND: the header has no protector that it is bound to;
 *   SECRET_REJECTED: the value does not open that; NAME_UNKNOWN, NAME_AMBIGUOUS; VERSION_UNUSABLE: it was destroyed; KDF_TOO_COSTLY;
 *   RATE_LIMITED; KEY_STORE_SEALED; KDF_FAILED, CANCELLED; and what `readPresented` throws
 */
export async function healVersion(
  { store, kdf, costLimit: limit }: TryDeps,
  caller: Caller,
  given: { readonly version: string; readonly value: Secret; readonly header: PresentedHeader },
  signal: AbortSignal,
): Promise<{ readonly version: Version; readonly protector: Protector }> {
  const version = findVersion(store, given.version);
  const name = versionName(version);
  refuseSound(version);
  void store.ring;
  const header = await readPresented(given.header, signal);
  const [bound] = boundVersions(store, header).filter((each) => each.version.id === version.id);
  if (bound === undefined) {
    throw new LockstepError("NOT_BOUND", `healing ${name}: this volume has no protector that it is bound to`, {
      hint: `\`lockstep key show ${version.keyName}\` lists what it opens: name a disk, or by --point a point, that has that.`,
    });
  }
  const { id, cost } = bound.protector;
  if (cost !== null) refuseCost(cost, limit, `healing ${name}: ${id}`);
  const queued = custodianDeriver(store, kdf, header.facts.identity);
  const secret = { kind: version.kind, secret: given.value };
  (await header.unlock(secret, { kdf: queued, limit, only: id }, signal))[Symbol.dispose]();
  act(store, caller, { act: "key.heal", subject: name, detail: { protector: id } }, () =>
    putRight(store, version, given.value),
  );
  return { version: loadVersion(store, version.id), protector: bound.protector };
}

function putRight(store: KeyStore, { id }: Version, given: Secret): void {
  const version = loadVersion(store, id);
  refuseSound(version);
  const { wrapping, value } = store.ring.wrap(valueName(version), given, store.deps.random);
  store.db
    .prepare("UPDATE versions SET wrapping = ?, value = ?, damaged_ms = NULL WHERE id = ?")
    .run(wrapping, value, id);
}

function refuseSound(version: Version): void {
  const name = versionName(version);
  if (version.destroyedMs !== null) throw new LockstepError("VERSION_UNUSABLE", `healing ${name}: it was destroyed`);
  if (version.damagedMs !== null) return;
  throw new LockstepError("ARGUMENT_INVALID", `healing ${name}: its value was not found to be damaged`, {
    hint: "`lockstep status` names those that are; `lockstep copy make --full` looks at all.",
  });
}
