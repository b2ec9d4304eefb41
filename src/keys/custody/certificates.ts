import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller, VersionId } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** A signed statement that a version's value was destroyed in the key store. */
export type Certificate = {
  /** JSON: docs/format/certificates.md. */
  readonly signed: string;
  /** Ed25519, for the purpose `certificate`. */
  readonly signature: Uint8Array;
};

/**
 * Signs and stores that a version was destroyed, and which copies of the store still hold it. To be called in the transaction
 * that destroys it.
 *
 * @throws {LockstepError} KEY_STORE_SEALED
 */
export function certify(store: KeyStore, caller: Caller, version: Version): void {
  const { id, epoch } = store.facts();
  const signed = JSON.stringify({
    format: 1,
    store: id,
    epoch,
    version: versionName(version),
    versionId: version.id,
    kind: version.kind,
    createdAt: instant(version.createdMs),
    destroyedAt: instant(version.destroyedMs),
    destroyedBy: caller.name,
    copies: copiesThatHold(store, version).map(({ place, copies, goneAtMs }) => ({
      place,
      copies,
      goneAt: instant(goneAtMs),
    })),
  });
  store.db
    .prepare("INSERT INTO certificates VALUES (?, ?, ?)")
    .run(version.id, signed, store.ring.sign("certificate", utf8(signed)));
}

/** @throws {LockstepError} KEY_STORE_CORRUPT: it is not there */
export function loadCertificate({ db }: KeyStore, version: VersionId): Certificate {
  const row = db.prepare("SELECT signed, signature FROM certificates WHERE version = ?").get(version);
  if (row !== undefined) return { signed: String(row["signed"]), signature: row["signature"] as Uint8Array };
  throw new LockstepError("KEY_STORE_CORRUPT", `the key store has no certificate for the destroyed version ${version}`);
}

function instant(ms: number | null): string | null {
  return ms === null ? null : Temporal.Instant.fromEpochMilliseconds(ms).toString();
}
