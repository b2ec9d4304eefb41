import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";

/**
 * How a call fails with STORE_UNAVAILABLE: without effect; after its effect; or with an effect that lands later, at
 * `landPending` or after the given number of further calls.
 */
export type Fault = "before" | "after" | "delayed" | { readonly delayedByCalls: number };

export type FaultyStore = {
  readonly store: Store;
  /** Makes the call of that number (from 0 on) fail; several may be set. */
  readonly failAt: (index: number, fault: Fault) => void;
  /** Lets every delayed effect happen now, oldest first. */
  readonly landPending: () => Promise<void>;
  /** Calls made so far. */
  readonly calls: () => number;
};

type Pending = { readonly land: () => Promise<unknown>; callsLeft: number };

export function faultyStore(inner: Store): FaultyStore {
  const faults = new Map<number, Fault>();
  const pending: Pending[] = [];
  let calls = 0;

  const landThose = async (due: (effect: Pending) => boolean): Promise<void> => {
    const landing = pending.filter(due);
    for (const effect of landing) pending.splice(pending.indexOf(effect), 1);
    for (const { land } of landing) await land();
  };

  const store = interceptedStore(inner, async (call, run) => {
    calls++;
    for (const effect of pending) effect.callsLeft--;
    await landThose((effect) => effect.callsLeft < 0);
    const fault = faults.get(call.index);
    if (fault === undefined) return run();
    if (fault === "after") await run();
    else if (fault !== "before") {
      pending.push({ land: effectOf(inner, call), callsLeft: fault === "delayed" ? Infinity : fault.delayedByCalls });
    }
    throw new LockstepError(
      "STORE_UNAVAILABLE",
      `Call ${call.index}, ${call.operation} of ${call.key}, got no answer.`,
    );
  });

  return {
    store,
    failAt: (index, fault) => void faults.set(index, fault),
    landPending: () => landThose(() => true),
    calls: () => calls,
  };
}

/** What the call does to the store, with the bytes that it has now. */
function effectOf(inner: Store, call: StoreCall): () => Promise<unknown> {
  const { signal } = new AbortController(); // the caller is long gone
  switch (call.operation) {
    case "put": {
      const body = call.body.map((piece) => piece.slice());
      return () => inner.put(call.key, body, call.options, signal);
    }
    case "delete":
      return () => inner.delete(call.key, signal);
    case "get":
    case "read":
    case "stat":
    case "list":
      return () => Promise.resolve();
  }
}
