import { equalBytes } from "#bytes/arrays.ts";
import { sha256 } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { copiesPastTerm } from "#keys/copies/copy-plan.ts";
import type { PlacedCopy } from "#keys/copies/copy-plan.ts";
import type { OpenPlace } from "#keys/copies/open-places.ts";
import { ownEpochs } from "#keys/copies/own-copies.ts";
import { copiesIn, saveDeleted } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import { damagedVersions } from "#keys/versions/damage.ts";

/**
 * Deletes the copies of a place that have served their term. A place that refuses keeps them, which is noted on it. None are deleted
 * while a version's value is damaged: an old one may be all that still has it. What may be another key store's stays as well, and
 * counts as kept.
 *
 * @throws {LockstepError} what the place throws, but for its refusal
 */
export async function deletePastTerm(store: KeyStore, place: OpenPlace, signal: AbortSignal): Promise<void> {
  if (damagedVersions(store).length > 0) return;
  const old = copiesPastTerm(copiesIn(store, place.id), store.deps.now().epochMilliseconds);
  let isForeign = false;
  for (const copy of old) {
    if (!(await isOwn(store, place, copy, signal))) {
      isForeign = true;
      continue;
    }
    try {
      await place.objects.delete(copyKeys.copy(copy.epoch, copy.number), signal);
    } catch (error) {
      if (!isLockstepError(error, "STORE_DENIED")) throw error;
      place.keeps = true;
      return;
    }
    inTransaction(store.db, () => saveDeleted(store, copy, place.id));
    place.keeps = false;
  }
  if (isForeign) place.keeps = true;
}

/** Whether what lies there under a copy's name is of this store: it read it back, or wrote it, or the place has its claim of the epoch. */
async function isOwn(
  store: KeyStore,
  { objects, id }: OpenPlace,
  { epoch, number, isVerified }: PlacedCopy,
  signal: AbortSignal,
): Promise<boolean> {
  if (isVerified) return true;
  const row = store.db
    .prepare("SELECT sha256, size_bytes FROM copies WHERE epoch = ? AND number = ? AND place = ?")
    .get(epoch, number, id);
  const digest = row?.["sha256"];
  if (!(digest instanceof Uint8Array)) return (await ownEpochs(store, objects, signal)).has(epoch);
  try {
    const bytes = await objects.get(copyKeys.copy(epoch, number), Number(row?.["size_bytes"]), signal);
    return bytes === null || equalBytes(sha256(bytes), digest);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_TOO_LARGE")) return false;
    throw error;
  }
}
