import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";

/** A store whose disk lists one object, and does not give its bytes; with `atByte`, all of them but the sector around it. */
export function badSectorStore(inner: Store, key: ObjectKey, atByte: number | null = null): Store {
  const refused = (): LockstepError => new LockstepError("STORE_UNAVAILABLE", `Cannot read ${key}: EIO`);
  const store = gatedStore(inner, async (call) => {
    await Promise.resolve();
    if (call.key !== key) return;
    if (call.operation === "get" || (call.operation === "read" && atByte === null)) throw refused();
  });
  if (atByte === null) return store;
  return Object.assign(store, {
    read: async (asked: ObjectKey, offsetBytes: number, into: Uint8Array, signal: AbortSignal) => {
      if (asked === key && offsetBytes <= atByte && atByte < offsetBytes + into.length) throw refused();
      return inner.read(asked, offsetBytes, into, signal);
    },
  });
}
