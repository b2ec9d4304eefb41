import type { Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";

/** A store that lets `action` happen right before the call number `nth` (from 1 on) of those that `matches`. */
export function interrupted(
  inner: Store,
  nth: number,
  matches: (call: StoreCall) => boolean,
  action: () => Promise<unknown>,
): Store {
  let seen = 0;
  return gatedStore(inner, async (call) => {
    if (matches(call) && ++seen === nth) await action();
  });
}

/** A put of a log entry, second copies left out. */
export function isLogPut({ operation, key }: StoreCall): boolean {
  return operation === "put" && key.startsWith("machines/") && key.includes("/log/");
}
