import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";

const { signal } = new AbortController();

/** A store in memory with the same objects and traits. */
export async function copiedStore(store: Store): Promise<Store> {
  const copy = memoryStore(store.traits);
  for await (const { key } of store.list("", {}, signal)) {
    const bytes = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
    if (bytes !== null) await copy.put(key, [bytes], {}, signal);
  }
  return copy;
}
