import { LockstepError } from "#errors/errors.ts";
import type { Pieces, Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import type { Retry } from "#store/retry.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentCipher } from "#vault/segments/segment.ts";

/**
 * Stores a generation of a segment; durable when it resolves. On stores of one disk, node segments are kept twice.
 *
 * @throws {LockstepError} OBJECT_CONFLICT: its name is taken by other bytes, which only a copied or tampered store shows;
 *   STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED
 */
export async function storeSegment(
  deps: { readonly store: Store; readonly retry: Retry },
  cipher: SegmentCipher,
  kind: "data" | "nodes",
  pieces: Pieces,
  signal: AbortSignal,
): Promise<void> {
  const keys = [cipher.key];
  if (kind === "nodes" && deps.store.traits.singleDisk) keys.push(objectKeys.copy(cipher.key));
  for (const key of keys) {
    if ((await putDefinite(deps.store, key, pieces, {}, deps.retry, signal)) === "mine") continue;
    throw new LockstepError("OBJECT_CONFLICT", `${key} exists already, with other bytes than those of this session.`, {
      hint: "Was the vault restored from a copy while a backup ran? Run 'lockstep vault check'.",
    });
  }
}
