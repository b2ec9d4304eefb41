import { LockstepError } from "#errors/errors.ts";
import { bindingOf, bindingsOfVersion, saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import type { BindingId, Caller } from "#keys/store/model.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";

/** @throws {LockstepError} NAME_UNKNOWN */
export function loadBinding({ db }: KeyStore, id: BindingId): Binding {
  const row = db.prepare("SELECT * FROM bindings WHERE id = ?").get(id);
  if (row !== undefined) return bindingOf(row);
  throw new LockstepError("NAME_UNKNOWN", `the key store has no binding ${id}`, {
    hint: "`lockstep key show` lists the bindings of a key.",
  });
}

/**
 * Brings the bindings of a rollover's versions to what its volume's live header shows: the new version is bound to the protector that
 * it opens, and what the header has no more is retired. To be called inside a transaction.
 *
 * @param header     of the rollover's volume
 * @param protector  the id of what the new version opens; null: nothing
 */
export function followHeader(
  store: KeyStore,
  caller: Caller,
  { binding, oldVersion, newVersion }: Pick<Rollover, "binding" | "oldVersion" | "newVersion">,
  { facts }: EncryptedHeader,
  protector: string | null,
): void {
  const added = facts.protectors.find(({ id }) => id === protector);
  if (added !== undefined) {
    saveBinding(store, {
      version: newVersion.id,
      protector: added.fingerprint,
      volumeIdentity: facts.identity,
      protectorId: added.id,
      protectorKind: added.kind,
      volumeFormat: facts.format,
      volumeUuid: facts.uuid,
      place: binding.place,
      source: "live",
      boundBy: caller.name,
    });
  }
  store.db
    .prepare(
      `UPDATE bindings SET retired_ms = ?
       WHERE version IN (?, ?) AND volume_identity = ? AND retired_ms IS NULL
         AND protector NOT IN (SELECT value FROM json_each(?))`,
    )
    .run(
      store.deps.now().epochMilliseconds,
      oldVersion.id,
      newVersion.id,
      facts.identity,
      JSON.stringify(facts.protectors.map(({ fingerprint }) => fingerprint)),
    );
}

/** Retires a version that opens no live volume any more, as far as is known. To be called inside a transaction. */
export function retireUnbound(store: KeyStore, { id }: Pick<Version, "id">): void {
  if (bindingsOfVersion(store, id).some(({ retiredMs }) => retiredMs === null)) return;
  store.db
    .prepare("UPDATE versions SET retired_ms = ? WHERE id = ? AND retired_ms IS NULL")
    .run(store.deps.now().epochMilliseconds, id);
}
