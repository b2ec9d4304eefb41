import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import type { Retry } from "#store/retry.ts";
import { isCopy, objectKeys } from "#vault/object/object-keys.ts";

/** Something wrong with an object, or with its second copy, while the other one is right. */
export type TwinFault = {
  readonly key: ObjectKey;
  /** "unread": the store gave no answer, which is no damage. */
  readonly what: "missing" | "damaged" | "unread";
  readonly why: string;
  /** Put back from the other one. */
  readonly repaired: boolean;
};

export type TwinCheck = {
  /** One that is right; null when neither is. */
  readonly bytes: Uint8Array | null;
  readonly faults: readonly TwinFault[];
};

type Deps = { readonly store: Store; readonly retry: Retry };

export type TwinRules = {
  readonly limitBytes: number;
  /** What is wrong with bytes, in words; null when they are right. */
  readonly faultOf: (bytes: Uint8Array) => string | null;
  /** Put back what is missing, and replace a damaged second copy. */
  readonly repair: boolean;
};

/** Reads an object and, on stores of one disk, its second copy. */
export async function checkTwins(
  deps: Deps,
  key: ObjectKey,
  { limitBytes, faultOf, repair }: TwinRules,
  signal: AbortSignal,
): Promise<TwinCheck> {
  let right: Uint8Array | null = null;
  const faults: TwinFault[] = [];
  for (const place of deps.store.traits.singleDisk ? [key, objectKeys.copy(key)] : [key]) {
    const read = await readPlace(deps.store, place, limitBytes, faultOf, signal);
    if (read instanceof Uint8Array) right ??= read;
    else faults.push({ key: place, ...read, repaired: false });
  }
  if (right === null || !repair) return { bytes: right, faults };
  const bytes = right;
  return { bytes, faults: await Promise.all(faults.map((fault) => repaired(deps, fault, bytes, signal))) };
}

/**
 * Puts a missing object back from its twin, or replaces a damaged second copy. A damaged first one stays: nothing may
 * free a name in the log, since another entry could take it.
 */
export async function repaired(
  { store, retry }: Deps,
  fault: TwinFault,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<TwinFault> {
  if (fault.what === "unread" || (fault.what === "damaged" && !isCopy(fault.key))) return fault;
  try {
    if (fault.what === "damaged") await store.delete(fault.key, signal);
    return { ...fault, repaired: (await putDefinite(store, fault.key, [bytes], {}, retry, signal)) === "mine" };
  } catch (error) {
    if (!isLockstepError(error, "STORE_DENIED", "STORE_FULL", "STORE_UNAVAILABLE")) throw error;
    return { ...fault, why: `${fault.why}; it could not be put back: ${messageOf(error)}` };
  }
}

async function readPlace(
  store: Store,
  key: ObjectKey,
  limitBytes: number,
  faultOf: (bytes: Uint8Array) => string | null,
  signal: AbortSignal,
): Promise<Uint8Array | Pick<TwinFault, "what" | "why">> {
  try {
    const bytes = await store.get(key, limitBytes, signal);
    if (bytes === null) return { what: "missing", why: `${key} is missing` };
    const fault = faultOf(bytes);
    return fault === null ? bytes : { what: "damaged", why: `${key}: ${fault}` };
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE")) return { what: "unread", why: messageOf(error) };
    if (isLockstepError(error, "OBJECT_TOO_LARGE")) return { what: "damaged", why: messageOf(error) };
    throw error;
  }
}
