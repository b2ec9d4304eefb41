import { equalBytes } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { auditHead } from "#keys/audit/audit.ts";
import type { NamedCopy } from "#keys/copies/copy-search.ts";
import { nextEpoch } from "#keys/copies/epoch-begin.ts";
import { holdEpoch } from "#keys/copies/epoch-hold.ts";
import { OpenPlaces } from "#keys/copies/open-places.ts";
import type { CopySide } from "#keys/copies/open-places.ts";
import { ownCopies } from "#keys/copies/own-copies.ts";
import { loadPlaces } from "#keys/copies/places.ts";
import { newestNumber, saveFound } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { itself } from "#keys/store/model.ts";
import type { Caller } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { vaultName } from "#keys/vaults/vaults.ts";
import { FROZEN_AFTER_RECOVERY, FROZEN_ELSEWHERE, FROZEN_PUT_BACK, isPutBack } from "#policy/frozen.ts";

/** A receipt that this store signed, as a vault kept it. */
export type KeptReceipt = {
  readonly epoch: number;
  /** RFC 3339. */
  readonly at: string;
  /** The audit log's newest entry then, and its hash (32 bytes). */
  readonly auditSeq: number;
  readonly auditHash: Uint8Array;
};

/**
 * Freezes the store where receipts show that it knew more than it knows: somebody put an older state in its place, or it and a copy of it went
 * different ways. What it should still know may need any version. A receipt of an epoch before this one shows nothing: a recovery
 * loses what came after its copy.
 *
 * @param receipts  their signatures were verified
 * @param of        in whose log they are
 */
export function freezeWherePutBack(
  store: KeyStore,
  receipts: readonly KeptReceipt[],
  of: { readonly vault: string; readonly machineName: string },
): void {
  for (const receipt of receipts) {
    const { frozen } = store.facts();
    // One that was frozen for good, or for this before, stays so.
    if (frozen !== null && frozen !== FROZEN_AFTER_RECOVERY) return;
    const { epoch, auditSeq } = receipt;
    const shown = whatItShows(store, receipt);
    if (shown === null) continue;
    const by = `${vaultName(store, of.vault)}, machine ${of.machineName}`;
    const why = `${shown.found}: the vault ${by}, has a receipt of ${shown.was}, of ${receipt.at}, and ${shown.is}`;
    act(store, itself, { act: "store.freeze", subject: "store", detail: { epoch, auditSeq, by } }, () =>
      store.db.prepare("UPDATE store SET frozen = ?").run(why),
    );
  }
}

/** What a receipt shows to be wrong with the store, in words; null: nothing. */
function whatItShows(
  store: KeyStore,
  { epoch, auditSeq, auditHash }: KeptReceipt,
): { readonly found: string; readonly was: string; readonly is: string } | null {
  const now = store.facts();
  if (epoch > now.epoch) {
    return { found: FROZEN_ELSEWHERE, was: `epoch ${epoch}`, is: `this is epoch ${now.epoch}` };
  }
  if (epoch < now.epoch || auditSeq === 0) return null;
  const row = prepared(store.db, "SELECT hash FROM audit WHERE seq = ?").get(auditSeq);
  if (row !== undefined && equalBytes(row["hash"] as Uint8Array, auditHash)) return null;
  const is = row === undefined ? `the log ends with ${auditHead(store.db).seq}` : "it is another one here";
  return { found: FROZEN_PUT_BACK, was: `its audit entry ${auditSeq}`, is };
}

/**
 * Goes on with a store that was put back, once a custodian has looked: as a new epoch, which waits for a report of every vault before it
 * releases or destroys anything, as after a recovery. Copies that the store wrote after the state that it was put back to are noted where
 * they can be seen; every other place counts as having one.
 *
 * @returns the new epoch
 * @throws {LockstepError} ARGUMENT_INVALID: it does not wait for this; KEY_STORE_SEALED; KEY_STORE_FROZEN: it was recovered elsewhere, which
 *   it is frozen for from then on; CANCELLED
 */
export async function goOnAsPutBack(
  side: CopySide,
  caller: Caller,
  reason: string,
  signal: AbortSignal,
): Promise<number> {
  const { store } = side;
  refuseOthers(store);
  void store.ring; // the claim is signed
  const { epoch, found, hidden } = await lookAtPlaces(side, signal);
  const claim = hex(store.deps.random(16));
  act(store, caller, { act: "audit.accept", subject: "store", detail: { reason, epoch } }, () => {
    refuseOthers(store);
    store.db
      .prepare("UPDATE store SET epoch = ?, epoch_claim = ?, frozen = ?")
      .run(epoch, claim, FROZEN_AFTER_RECOVERY);
    for (const { id } of loadPlaces(store)) saveFound(store, id, found.get(id) ?? [hidden]);
  });
  await using places = await OpenPlaces.open(side, signal);
  await places.each((place) => holdEpoch(store, place, signal));
  return epoch;
}

/** What the places show before the store goes on. @throws {LockstepError} KEY_STORE_FROZEN: one has another server's claim */
async function lookAtPlaces(
  side: CopySide,
  signal: AbortSignal,
): Promise<{
  /** After this one and all that were claimed in places that can be reached. */
  readonly epoch: number;
  /** The store's copies in places that can be reached, by the place's id. */
  readonly found: ReadonlyMap<string, readonly NamedCopy[]>;
  /** A copy that stands for those in the other places: newer than any that was seen. */
  readonly hidden: Pick<NamedCopy, "epoch" | "number" | "sizeBytes">;
}> {
  const { store } = side;
  await using places = await OpenPlaces.open(side, signal);
  await places.each((place) => holdEpoch(store, place, signal));
  const found = new Map<string, readonly NamedCopy[]>();
  await places.each(async (place) => void found.set(place.id, await ownCopies(store, place, signal)));
  const { signingPublic, epoch } = store.facts();
  const hidden = { epoch, number: places.nextNumber(newestNumber(store)), sizeBytes: 0 };
  return { epoch: await nextEpoch(places.reachable, signingPublic, epoch, signal), found, hidden };
}

function refuseOthers(store: KeyStore): void {
  const { frozen } = store.facts();
  if (isPutBack(frozen)) return;
  throw new LockstepError("ARGUMENT_INVALID", "going on with the key store: it was not found to have been put back", {
    hint: "`lockstep keystore show` says what it waits for, if anything.",
  });
}
