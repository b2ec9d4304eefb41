import { throwIfCancelled } from "#errors/cancelled.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import type { ObjectCache } from "#store/object-cache.ts";

/** Which objects of a store are kept in a cache. */
export type CachedObjects = {
  readonly wants: (key: ObjectKey) => boolean;
  /** Whether these are the bytes that were put; others are never kept, so that one bad read is not repeated for ever. */
  readonly isSound: (key: ObjectKey, bytes: Uint8Array) => boolean;
};

/**
 * The same store, with whole objects that a `get` gives kept in a cache on this host. Objects never change, so what is in
 * the cache is right for as long as the object exists.
 *
 * One promise of the contract is looser: an object that somebody else deleted may still be got. After a `delete` through
 * this store it is not. `read`, `lend`, `stat` and `list` ask the store itself.
 */
export function cachingStore(store: Store, cache: ObjectCache, { wants, isSound }: CachedObjects): Store {
  /** A get that began before the delete must not put it back. */
  const deleted = new Set<ObjectKey>();

  async function getCached(key: ObjectKey, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null> {
    throwIfCancelled(signal);
    const cached = deleted.has(key) ? null : await cache.get(key, limitBytes);
    if (cached !== null) return cached;
    const bytes = await store.get(key, limitBytes, signal);
    if (bytes === null || deleted.has(key) || !isSound(key, bytes)) return bytes;
    await cache.put(key, bytes);
    if (deleted.has(key)) await cache.drop(key);
    return bytes;
  }

  return {
    name: store.name,
    traits: store.traits,
    lend: <Result>(key: ObjectKey, use: (descriptor: number) => Promise<Result>, signal: AbortSignal) =>
      store.lend?.(key, use, signal) ?? Promise.resolve(null),
    put: (key, body, options, signal) => store.put(key, body, options, signal),
    get: (key, limitBytes, signal) =>
      wants(key) ? getCached(key, limitBytes, signal) : store.get(key, limitBytes, signal),
    read: (key, offsetBytes, into, signal) => store.read(key, offsetBytes, into, signal),
    stat: (key, signal) => store.stat(key, signal),
    list: (prefix, options, signal) => store.list(prefix, options, signal),
    delete: async (key, signal) => {
      if (wants(key)) {
        deleted.add(key);
        await cache.drop(key);
      }
      await store.delete(key, signal);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
