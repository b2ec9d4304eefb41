import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { gatedStore } from "#testing/gated-store.ts";

/** A store whose disk lists one object, and does not give its bytes. */
export function badSectorStore(inner: Store, key: ObjectKey): Store {
  return gatedStore(inner, async (call) => {
    await Promise.resolve();
    if (call.key !== key || (call.operation !== "get" && call.operation !== "read")) return;
    throw new LockstepError("STORE_UNAVAILABLE", `Cannot read ${key}: EIO`);
  });
}
