import { isLockstepError } from "#errors/errors.ts";
import { copyKeys } from "#keys/copy-format.ts";
import { copiesPastTerm } from "#keys/copy-plan.ts";
import { damagedVersions } from "#keys/damage.ts";
import { inTransaction } from "#keys/database.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { OpenPlace } from "#keys/open-places.ts";
import { copiesIn, saveDeleted } from "#keys/stored-copies.ts";

/**
 * Deletes the copies of a place that have served their term. A place that refuses keeps them, which is noted on it. None are deleted
 * while a version's value is damaged: an old one may be all that still has it.
 *
 * @throws {LockstepError} what the place throws, but for its refusal
 */
export async function deletePastTerm(store: KeyStore, place: OpenPlace, signal: AbortSignal): Promise<void> {
  if (damagedVersions(store).length > 0) return;
  const old = copiesPastTerm(copiesIn(store, place.id), store.deps.now().epochMilliseconds);
  for (const copy of old) {
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
}
