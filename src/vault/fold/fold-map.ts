/** Buckets of a `FoldMap`; a power of two. */
const BUCKETS = 256;

/**
 * A map that never changes: `with` and `without` give another one that shares nearly everything.
 *
 * A fold is handed to whoever plans from it, often for hours, while the log goes on; so each fold must stay as it was.
 * Copying a plain Map of 10,000 points or 300,000 generations for each entry would cost more than the entry itself. Here
 * a change copies one bucket in 256.
 *
 * Iteration is by bucket, so it follows no order that means anything.
 */
export class FoldMap<K extends string, V> implements Iterable<[K, V]> {
  readonly #buckets: readonly (ReadonlyMap<K, V> | undefined)[];
  readonly size: number;

  private constructor(buckets: readonly (ReadonlyMap<K, V> | undefined)[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static of<K extends string, V>(entries: Iterable<readonly [K, V]> = []): FoldMap<K, V> {
    return new FoldMap<K, V>(Array.from({ length: BUCKETS }), 0).withAll(entries);
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.#buckets[bucketOf(key)]?.has(key) ?? false;
  }

  with(key: K, value: V): FoldMap<K, V> {
    return this.withAll([[key, value]]);
  }

  without(key: K): FoldMap<K, V> {
    return this.withAll([[key, undefined]]);
  }

  withoutAll(keys: Iterable<K>): FoldMap<K, V> {
    return this.withAll(Iterator.from(keys).map((key) => [key, undefined]));
  }

  /** With all changes made, one after the other; undefined removes. Copies each bucket that changes once. */
  withAll(changes: Iterable<readonly [K, V | undefined]>): FoldMap<K, V> {
    const buckets = this.#buckets.slice();
    const own = new Map<number, Map<K, V>>();
    let size = this.size;
    for (const [key, value] of changes) {
      const at = bucketOf(key);
      let bucket = own.get(at);
      if (bucket === undefined) {
        bucket = new Map(buckets[at]);
        own.set(at, bucket);
        buckets[at] = bucket;
      }
      size -= bucket.size;
      if (value === undefined) bucket.delete(key);
      else bucket.set(key, value);
      size += bucket.size;
    }
    return new FoldMap(buckets, size);
  }

  *[Symbol.iterator](): Generator<[K, V], undefined> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket;
  }

  *keys(): Generator<K, undefined> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.keys();
  }

  *values(): Generator<V, undefined> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.values();
  }
}

/** FNV-1a over the key's end, where ids differ most. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = Math.max(0, key.length - 16); at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
