import { alignedBuffer, equalBytes } from "#bytes/arrays.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Pieces, Store } from "#store/contract.ts";
import { retried } from "#store/retry.ts";
import type { Retry } from "#store/retry.ts";

const compareBytes = 1024 * 1024;
const pageBytes = 4096;

/**
 * Puts an object and finds out whether it is ours, by asking again with the same bytes as long as that is not known.
 *
 * "mine" is an object with exactly these bytes, whoever wrote it: what two writers must tell apart carries something
 * random.
 *
 * @param body  not changed before this settles
 * @throws {LockstepError} STORE_UNAVAILABLE: the tries are spent, or one after an unanswered put failed in another way;
 *         the object may be there, or come yet · what a first put throws, which then had no effect · CANCELLED: as
 *         STORE_UNAVAILABLE
 */
export async function putDefinite(
  store: Store,
  key: ObjectKey,
  body: Pieces,
  options: { readonly retainUntil?: Temporal.Instant },
  retry: Retry,
  signal: AbortSignal,
): Promise<"mine" | "another's"> {
  let unanswered = false; // a put has no answer that we could rely on, and may land at any time
  const attempt = async (): Promise<"mine" | "another's"> => {
    try {
      if ((await store.put(key, body, options, signal)) === "created") return "mine";
      unanswered = true; // it exists; whose it is is not known before the comparison ends
      return (await holds(store, key, body, signal)) ? "mine" : "another's";
    } catch (error) {
      if (isLockstepError(error, "STORE_UNAVAILABLE")) unanswered = true;
      throw error;
    }
  };
  try {
    return await retried(attempt, retry, signal);
  } catch (error) {
    if (!unanswered || !(error instanceof LockstepError)) throw error;
    if (error.code === "STORE_UNAVAILABLE" || error.code === "CANCELLED") throw error;
    const message = `Cannot tell whether ${key} was written to ${store.name}: ${messageOf(error)}`;
    throw new LockstepError("STORE_UNAVAILABLE", message, { hint: error.hint, cause: error });
  }
}

/** Whether the object has exactly these bytes. @throws {LockstepError} STORE_UNAVAILABLE also when it is gone */
async function holds(store: Store, key: ObjectKey, body: Pieces, signal: AbortSignal): Promise<boolean> {
  const gone = (): LockstepError =>
    new LockstepError("STORE_UNAVAILABLE", `Cannot compare ${key} in ${store.name}: it was deleted meanwhile.`);
  const stat = await store.stat(key, signal);
  if (stat === null) throw gone();
  if (stat.sizeBytes !== body.reduce((total, piece) => total + piece.length, 0)) return false;

  const chunk = alignedBuffer(Math.min(compareBytes, Math.ceil(stat.sizeBytes / pageBytes) * pageBytes));
  for (let at = 0; at < stat.sizeBytes; at += chunk.length) {
    const got = await store.read(key, at, chunk, signal);
    if (got === null) throw gone();
    if (got !== Math.min(chunk.length, stat.sizeBytes - at)) return false;
    if (!equalAt(body, at, chunk.subarray(0, got))) return false;
  }
  return true;
}

/** Whether the pieces, taken as one array, have `bytes` at `offsetBytes`. */
function equalAt(body: Pieces, offsetBytes: number, bytes: Uint8Array): boolean {
  let pieceAt = 0;
  for (const piece of body) {
    const start = Math.max(offsetBytes, pieceAt);
    const end = Math.min(offsetBytes + bytes.length, pieceAt + piece.length);
    if (start < end) {
      const theirs = bytes.subarray(start - offsetBytes, end - offsetBytes);
      if (!equalBytes(piece.subarray(start - pieceAt, end - pieceAt), theirs)) return false;
    }
    pieceAt += piece.length;
  }
  return true;
}
