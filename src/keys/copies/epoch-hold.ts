import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { readClaims, writeClaim } from "#keys/copies/epoch-claim.ts";
import type { EpochClaim, FoundClaim } from "#keys/copies/epoch-claim.ts";
import type { OpenPlace } from "#keys/copies/open-places.ts";
import { ownCopies } from "#keys/copies/own-copies.ts";
import { saveFound } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import { itself } from "#keys/store/model.ts";
import { FROZEN_ELSEWHERE, whatThaws } from "#policy/frozen.ts";

/** A place, and whether copies of this epoch were read back there since it was added. The id is null where it is not added yet. */
type HeldPlace = Pick<OpenPlace, "place" | "objects" | "hadCopies"> & { readonly id: string | null };

/**
 * Sees to it that a place has the claim of this store's epoch, and none of another server: where there is one, this store was
 * recovered elsewhere, and freezes for good. A place that had copies of this epoch and has no claim of it any more is taken for one that is
 * away: it is a mount point, most likely, and what is mounted there is not. Where the claim is put now, the copies of earlier epochs
 * there are noted: a store that was put back does not know all of them.
 *
 * @throws {LockstepError} KEY_STORE_FROZEN; STORE_MISSING: it has no claim of this epoch any more; COPY_REJECTED: the place has copies of
 *   another key store, or a claim of this epoch that nobody signed; and what the place throws
 */
export async function holdEpoch(store: KeyStore, place: HeldPlace, signal: AbortSignal): Promise<void> {
  const { id, epoch, epochClaim, signingPublic } = store.facts();
  const found = await readClaims(place.objects, signingPublic, signal);
  const newer = found.find(({ claim }) => claim !== null && isOthers(store, claim));
  if (newer !== undefined) throw freeze(store, newer, place);
  const own = found.find((each) => each.epoch === epoch);
  if (own !== undefined) {
    if (own.claim?.claim === epochClaim) return;
    throw new LockstepError("COPY_REJECTED", `the claim of epoch ${epoch} there is not signed by this key store`, {
      hint: "Copies of another key store may lie there: each needs a place of its own.",
    });
  }
  if (place.hadCopies) {
    const why = found.length === 0 ? "nothing is there of what was" : `no claim of epoch ${epoch} is there any more`;
    throw new LockstepError("STORE_MISSING", `${why}: is it mounted?`, {
      hint: "Where all of it was removed on purpose: `lockstep place remove`, and `lockstep place add`.",
    });
  }
  const { id: placeId } = place;
  if (placeId !== null) {
    const own = await ownCopies(store, place, signal);
    inTransaction(store.db, () => saveFound(store, placeId, own));
  }
  const claim: EpochClaim = { store: id, epoch, claim: epochClaim, at: store.deps.now().toString() };
  const bytes = writeClaim(claim, (signed) => store.ring.sign("epoch", signed));
  await place.objects.put(copyKeys.claim(epoch), [bytes], {}, signal);
  const [read] = (await readClaims(place.objects, signingPublic, signal)).filter((each) => each.epoch === epoch);
  if (read?.claim?.claim === epochClaim) return;
  if (read !== undefined && read.claim !== null) throw freeze(store, read, place);
  throw new LockstepError("COPY_REJECTED", `the claim of epoch ${epoch} could not be put there`);
}

/** Whether another server of this store made a claim: of a later epoch, or of the same. */
function isOthers(store: KeyStore, claim: EpochClaim): boolean {
  const { id, epoch, epochClaim } = store.facts();
  return claim.store === id && (claim.epoch > epoch || (claim.epoch === epoch && claim.claim !== epochClaim));
}

/** Freezes the store: another one took its place. */
function freeze(store: KeyStore, { epoch, claim }: FoundClaim, { place }: HeldPlace): LockstepError {
  const why = `${FROZEN_ELSEWHERE}: epoch ${epoch} was claimed in ${place} at ${claim?.at}`;
  if (store.facts().frozen !== why) {
    act(store, itself, { act: "store.freeze", subject: "store", detail: { epoch } }, () =>
      store.db.prepare("UPDATE store SET frozen = ?").run(why),
    );
  }
  return new LockstepError("KEY_STORE_FROZEN", `copying the key store: ${why}`, {
    hint: whatThaws(why),
  });
}
