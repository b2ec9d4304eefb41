import type { ObjectKey, Store } from "#store/contract.ts";

const { signal } = new AbortController();

/** Keys that a store holds and that `matches`, in order. */
export async function keysOf(store: Store, matches: (key: ObjectKey) => boolean = () => true): Promise<ObjectKey[]> {
  const keys: ObjectKey[] = [];
  for await (const { key } of store.list("", {}, signal)) if (matches(key)) keys.push(key);
  return keys;
}

/** Changes an object's bytes in place, as a failing disk would. */
export async function alter(store: Store, key: ObjectKey, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
  if (bytes === null) throw new Error(`${key} is not there`);
  await store.delete(key, signal);
  await store.put(key, [change(bytes)], {}, signal);
}

/** Flips one bit of an object. */
export function flip(store: Store, key: ObjectKey, atByte: number): Promise<void> {
  return alter(store, key, (bytes) => bytes.with(atByte, (bytes[atByte] ?? 0) ^ 1));
}
