import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import type { Fault } from "#testing/stores/faulty-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";

/** How one call fails, and what fails after it: nothing, the same call on the same object, or every call. */
export type StoreFault = { readonly fault: Fault; readonly lasts: "once" | "for this object" | "for ever" };

export type FailingStore = {
  readonly store: Store;
  /** Makes the call fail that comes after `calls` more. */
  readonly arm: (calls: number) => void;
  /** Lets the delayed effect happen now. */
  readonly landPending: () => Promise<void>;
};

/** A store that works until it is told when to fail. */
export function failingStore(inner: Store, { fault, lasts }: StoreFault): FailingStore {
  const faulty = faultyStore(inner);
  let at = Infinity;
  let victim: string | null = null;
  const store = gatedStore(faulty.store, async (call) => {
    await Promise.resolve();
    const { index, operation, key } = call;
    const name = `${operation} of ${key}`;
    if (index === at) victim = name;
    if (index <= at || lasts === "once" || (lasts === "for this object" && name !== victim)) return;
    throw new LockstepError("STORE_UNAVAILABLE", `Call ${index}, ${name}: the store is gone.`);
  });
  return {
    store,
    arm: (calls) => {
      at = faulty.calls() + calls;
      faulty.failAt(at, fault);
    },
    landPending: faulty.landPending,
  };
}
