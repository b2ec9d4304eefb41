import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";

/** A store whose credentials may not delete. */
export function appendOnlyStore(inner: Store): Store {
  return gatedStore(inner, async (call) => {
    await Promise.resolve();
    if (call.operation !== "delete") return;
    throw new LockstepError("STORE_DENIED", `Cannot delete ${call.key} from ${inner.name}: not allowed.`);
  });
}
