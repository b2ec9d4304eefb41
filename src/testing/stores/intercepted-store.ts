import type { ListedObject, ObjectKey, Pieces, Store } from "#store/contract.ts";

/** A call of a store, before it happens. A list counts as one call: its whole answer is taken at once. */
export type StoreCall = { readonly index: number } & (
  | {
      readonly operation: "put";
      readonly key: ObjectKey;
      readonly body: Pieces;
      readonly options: { readonly retainUntil?: Temporal.Instant };
    }
  | { readonly operation: "get" | "read" | "stat" | "delete"; readonly key: ObjectKey }
  | { readonly operation: "list"; readonly key: string }
);

/** Decides what becomes of a call: `run` lets it happen and may be called once, later, or not at all. */
export type Intercept = <Result>(call: StoreCall, run: () => Promise<Result>) => Promise<Result>;

type Call = StoreCall extends infer Each ? (Each extends StoreCall ? Omit<Each, "index"> : never) : never;

/** A store whose every call goes through `intercept`. Calls are numbered from 0 on. */
export function interceptedStore(inner: Store, intercept: Intercept): Store {
  let calls = 0;
  const pass = <Result>(call: Call, run: () => Promise<Result>): Promise<Result> =>
    intercept({ ...call, index: calls++ }, run);

  async function* list(
    prefix: string,
    options: { readonly after?: ObjectKey },
    signal: AbortSignal,
  ): AsyncIterable<ListedObject> {
    yield* await pass({ operation: "list", key: prefix }, () => Array.fromAsync(inner.list(prefix, options, signal)));
  }

  return {
    name: inner.name,
    traits: inner.traits,
    put: (key, body, options, signal) =>
      pass({ operation: "put", key, body, options }, () => inner.put(key, body, options, signal)),
    get: (key, limitBytes, signal) => pass({ operation: "get", key }, () => inner.get(key, limitBytes, signal)),
    read: (key, offsetBytes, into, signal) =>
      pass({ operation: "read", key }, () => inner.read(key, offsetBytes, into, signal)),
    stat: (key, signal) => pass({ operation: "stat", key }, () => inner.stat(key, signal)),
    list,
    delete: (key, signal) => pass({ operation: "delete", key }, () => inner.delete(key, signal)),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
