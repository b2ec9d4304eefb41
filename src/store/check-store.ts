import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { storeChecks } from "#store/contract-suite.ts";
import type { Store } from "#store/contract.ts";

export type StoreCheckResult = {
  readonly name: string;
  readonly outcome: "ok" | "failed" | "not checked";
  /** Why it failed or was not checked; null when it is ok. */
  readonly why: string | null;
};

export type StoreReport = {
  readonly results: readonly StoreCheckResult[];
  /** Where objects of the check stay, and why; null when all were removed. */
  readonly leftUnder: { readonly prefix: string; readonly why: string } | null;
};

export type StoreCheckOptions = {
  readonly random: (lengthBytes: number) => Uint8Array;
  /** A folder that nothing else uses, with the slash at its end, such as `store-check/4f2a91c0/`. */
  readonly prefix: string;
  /** Size of a large object: `LARGE_BYTES`, unless it is known that size makes no difference. */
  readonly largeBytes: number;
};

/**
 * Checks that a store keeps the promises of its contract, by using it: two large objects and some small ones are written
 * and removed again.
 *
 * What it cannot check: that objects survive a power cut. Where the store refuses deletes, as an append-only one does,
 * the checks of deletes are "not checked" and the objects stay.
 *
 * @param open      opens the store anew: the checks use two clients of it
 * @param onResult  is told each result as soon as it is there
 * @throws {LockstepError} CANCELLED, after an attempt to remove what was written; and whatever `open` and the first put throw
 */
export async function checkStore(
  open: () => Promise<Store>,
  { random, prefix, largeBytes }: StoreCheckOptions,
  onResult: (result: StoreCheckResult) => void,
  signal: AbortSignal,
): Promise<StoreReport> {
  await using store = await open();
  await using other = await open();
  const results: StoreCheckResult[] = [];
  try {
    const noDelete = await refusalOfDelete(store, prefix, signal);
    for (const [index, { name, needsDelete, run }] of storeChecks.entries()) {
      const context = { store, other, folder: `${prefix}${index}/`, random, largeBytes, signal };
      const result: StoreCheckResult =
        needsDelete && noDelete !== null
          ? { name, outcome: "not checked", why: noDelete }
          : await run(context).then(
              () => ({ name, outcome: "ok", why: null }) as const,
              (error: unknown) => ({ name, outcome: "failed", why: whyFailed(error) }) as const,
            );
      results.push(result);
      onResult(result);
    }
  } catch (error) {
    await removeAll(store, prefix);
    throw error;
  }
  const why = await removeAll(store, prefix);
  return { results, leftUnder: why === null ? null : { prefix, why } };
}

/** Why the store refuses deletes; null when it allows them. @throws when nothing can be put there at all */
async function refusalOfDelete(store: Store, prefix: string, signal: AbortSignal): Promise<string | null> {
  await store.put(`${prefix}probe`, [], {}, signal);
  try {
    await store.delete(`${prefix}probe`, signal);
    return null;
  } catch (error) {
    if (isLockstepError(error, "STORE_DENIED")) return error.message;
    throw error;
  }
}

/** @throws what says nothing about the store: a cancellation, or a bug */
function whyFailed(error: unknown): string {
  if (!(error instanceof LockstepError) || error.code === "CANCELLED") throw error;
  return error.message;
}

/** Deletes everything under `prefix`, also when the check was cancelled; why that failed, or null. */
async function removeAll(store: Store, prefix: string): Promise<string | null> {
  const { signal } = new AbortController();
  try {
    for await (const { key } of store.list(prefix, {}, signal)) await store.delete(key, signal);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
