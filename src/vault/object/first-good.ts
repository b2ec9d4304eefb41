import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";

/**
 * Reads an object's places, one after the other, until one holds what is wanted. A place that gives no answer (a bad
 * sector, say) or that holds too much is passed over like one with other bytes: the second copy is there for that.
 *
 * @param accept  null: not what is wanted
 * @returns       null when no place holds it, for certain
 * @throws {LockstepError} STORE_UNAVAILABLE: none gave it, and one gave no answer; and what `accept` throws
 */
export async function firstGood<Result>(
  store: Store,
  places: readonly ObjectKey[],
  limitBytes: number,
  accept: (bytes: Uint8Array, place: ObjectKey) => Result | null,
  signal: AbortSignal,
): Promise<Result | null> {
  let unanswered: LockstepError | null = null;
  for (const place of places) {
    let bytes: Uint8Array | null = null;
    try {
      bytes = await store.get(place, limitBytes, signal);
    } catch (error) {
      if (isLockstepError(error, "STORE_UNAVAILABLE")) unanswered ??= error;
      else if (!isLockstepError(error, "OBJECT_TOO_LARGE")) throw error;
    }
    const result = bytes === null ? null : accept(bytes, place);
    if (result !== null) return result;
  }
  if (unanswered !== null) throw unanswered;
  return null;
}
