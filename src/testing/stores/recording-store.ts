import type { Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";

/** A store that keeps a list of its calls, in the order in which they were made. */
export function recordingStore(inner: Store): { readonly store: Store; readonly calls: readonly StoreCall[] } {
  const calls: StoreCall[] = [];
  const store = gatedStore(inner, (call) => {
    calls.push(call);
    return Promise.resolve();
  });
  return { store, calls };
}
