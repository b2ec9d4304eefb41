import type { ListedObject, ObjectKey, Store } from "#store/contract.ts";
import { retried } from "#store/retry.ts";
import type { Retry } from "#store/retry.ts";

/**
 * The same store, with every call but `put` repeated while it fails with STORE_UNAVAILABLE. A list goes on after the
 * last object it gave. Puts pass as they are: `putDefinite` repeats them and tells whose object came of it.
 */
export function retrying(store: Store, retry: Retry): Store {
  return {
    name: store.name,
    traits: store.traits,
    put: (key, body, options, signal) => store.put(key, body, options, signal),
    get: (key, limitBytes, signal) => retried(() => store.get(key, limitBytes, signal), retry, signal),
    read: (key, offsetBytes, into, signal) => retried(() => store.read(key, offsetBytes, into, signal), retry, signal),
    lend: <Result>(key: ObjectKey, use: (descriptor: number) => Promise<Result>, signal: AbortSignal) =>
      retried(() => store.lend?.(key, use, signal) ?? Promise.resolve(null), retry, signal),
    stat: (key, signal) => retried(() => store.stat(key, signal), retry, signal),
    list: (prefix, options, signal) => listRetrying(store, retry, prefix, options, signal),
    delete: (key, signal) => retried(() => store.delete(key, signal), retry, signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function* listRetrying(
  store: Store,
  retry: Retry,
  prefix: string,
  options: { readonly after?: ObjectKey },
  signal: AbortSignal,
): AsyncIterable<ListedObject> {
  let resume = options;
  let listing = store.list(prefix, resume, signal)[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<ListedObject>> => {
    try {
      return await listing.next();
    } catch (error) {
      listing = store.list(prefix, resume, signal)[Symbol.asyncIterator]();
      throw error;
    }
  };
  try {
    for (;;) {
      const step = await retried(next, retry, signal);
      if (step.done === true) return;
      resume = { after: step.value.key };
      yield step.value;
    }
  } finally {
    await listing.return?.();
  }
}
