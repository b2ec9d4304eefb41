import type { ObjectKey, Store, StoreTraits } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";

/** All objects of a store at one moment. */
export type StoreSnapshot = { readonly traits: StoreTraits; readonly objects: ReadonlyMap<ObjectKey, Uint8Array> };

const { signal } = new AbortController();

export async function takeSnapshot(store: Store): Promise<StoreSnapshot> {
  const objects = new Map<ObjectKey, Uint8Array>();
  for await (const { key } of store.list("", {}, signal)) {
    const bytes = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
    if (bytes !== null) objects.set(key, bytes);
  }
  return { traits: store.traits, objects };
}

/** A new memory store with the objects of a snapshot. */
export async function storeOf({ traits, objects }: StoreSnapshot): Promise<Store> {
  const store = memoryStore(traits);
  for (const [key, bytes] of objects) await store.put(key, [bytes], {}, signal);
  return store;
}
