import { equalBytes } from "#bytes/arrays.ts";
import { base64, hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { auditHead } from "#keys/audit/audit.ts";
import { copyKeys, copyName, rowLineOf, writeCopy } from "#keys/copies/copy-format.ts";
import { COPY_TERM_MS } from "#keys/copies/copy-plan.ts";
import type { CopyKind } from "#keys/copies/copy-plan.ts";
import { allRows, rowsAfter } from "#keys/copies/copy-rows.ts";
import { sealCopy } from "#keys/copies/copy-seal.ts";
import type { OpenPlace } from "#keys/copies/open-places.ts";
import { destroyedVersions, saveBegun, saveVerified } from "#keys/copies/stored-copies.ts";
import type { StoredCopy } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { currentKit } from "#keys/kit/kits.ts";
import { newestChange } from "#keys/store/changes.ts";
import { refuseDamagedTables } from "#keys/store/database-damage.ts";
import { SCHEMA_VERSION, inTransaction } from "#keys/store/database.ts";

/** A copy that is put into places. */
export type MadeCopy = Omit<StoredCopy, "places"> & { readonly bytes: Uint8Array };

/**
 * Makes a copy of what is in the store now, encrypted to the kit in use, of which there is one. An increment that would be
 * longer than the newest full copy becomes a full one.
 *
 * @param how.previous      what an increment goes on from
 * @param how.largestBytes  of the newest full copy
 * @throws {LockstepError} KEY_STORE_SEALED, KEY_STORE_CORRUPT: a secret of the store's own is damaged, or, for a full copy, the database
 */
export async function makeCopy(
  store: KeyStore,
  how: {
    readonly number: number;
    readonly plan: CopyKind;
    readonly previous: StoredCopy | null;
    readonly largestBytes: number;
  },
): Promise<MadeCopy> {
  const { number, plan, previous, largestBytes } = how;
  if (plan === "increment" && previous !== null) {
    const increment = await seal(store, number, previous);
    if (increment.sizeBytes <= largestBytes) return increment;
  }
  return seal(store, number, null);
}

/** @param previous  null for a full copy */
async function seal(store: KeyStore, number: number, previous: StoredCopy | null): Promise<MadeCopy> {
  const { db, deps } = store;
  // What is destroyed while the rows are read may be among them with its value.
  const destroyed = destroyedVersions(store);
  const from = previous ?? { upto: newestChange(db), auditUpto: auditHead(db).seq };
  const lines: Uint8Array[] = [];
  if (previous === null) {
    await refuseDamagedTables(db, "copying the key store"); // else the copy would be taken for right, and older ones would go
    for await (const row of allRows(store)) lines.push(rowLineOf(row));
  }
  // From here on nothing else happens until it is signed: it is the store as it is at this moment.
  for (const row of rowsAfter(store, from.upto, from.auditUpto)) lines.push(rowLineOf(row));
  const now = deps.now();
  const kit = currentKit(store);
  if (kit === null) throw new Error("a copy is made, and there is no kit");
  const [upto, auditUpto] = [newestChange(db), auditHead(db).seq];
  const header = { ...headerOf(store, number, previous), at: now.toString(), upto, auditUpto };
  const plain = writeCopy(header, lines, (bytes) => store.ring.sign("copy", bytes));
  const bytes = await sealCopy(kit.recipient, plain);
  plain.fill(0);
  const written = { sha256: sha256(bytes), sizeBytes: bytes.length, bytes };
  const { kind, schema } = header;
  return {
    number,
    kind,
    writtenMs: now.epochMilliseconds,
    kit: kit.id,
    upto,
    auditUpto,
    schema,
    destroyed,
    ...written,
  };
}

function headerOf(store: KeyStore, number: number, previous: StoredCopy | null) {
  const { id, createdMs, epoch, epochClaim, signingPublic } = store.facts();
  return {
    store: id,
    createdAt: Temporal.Instant.fromEpochMilliseconds(createdMs).toString(),
    epoch,
    claim: epochClaim,
    number,
    kind: previous === null ? "full" : "increment",
    previous: previous === null ? null : hex(previous.sha256),
    previousNumber: previous?.number ?? null,
    schema: SCHEMA_VERSION,
    signingKey: base64(signingPublic),
  } as const;
}

/**
 * Puts a copy into a place, reads it back and compares it. What was begun is noted before, so that no number is used twice.
 *
 * @throws {LockstepError} COPY_REJECTED: something else lies there, or comes back; and what the place throws
 */
export async function putCopy(store: KeyStore, place: OpenPlace, copy: MadeCopy, signal: AbortSignal): Promise<void> {
  const { epoch } = store.facts();
  const { number, bytes, writtenMs } = copy;
  const key = copyKeys.copy(epoch, number);
  inTransaction(store.db, () => saveBegun(store, copy, [place.id]));
  const retainUntil = Temporal.Instant.fromEpochMilliseconds(writtenMs + COPY_TERM_MS);
  await place.objects.put(key, [bytes], { retainUntil }, signal);
  const read = await place.objects.get(key, bytes.length, signal);
  if (read === null || !equalBytes(read, bytes)) {
    throw new LockstepError(
      "COPY_REJECTED",
      `${copyName(epoch, number)} reads back as something else than was written`,
    );
  }
  inTransaction(store.db, () => saveVerified(store, number, place.id));
}
