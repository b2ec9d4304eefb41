import type { Store } from "#store/contract.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";

/** A store whose calls happen only once `gate` lets them: a scheduler's, or one that sleeps to make it slow. */
export function gatedStore(inner: Store, gate: (call: StoreCall) => Promise<void>): Store {
  return interceptedStore(inner, async (call, run) => {
    await gate(call);
    return run();
  });
}
