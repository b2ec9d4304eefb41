/**
 * Where objects live: a path of names joined by "/", at most 512 bytes. A name has 1 to 255 characters of `[a-z0-9._-]`
 * and does not start with a dot. No key is the folder of another: with `a/b` in a store, `a` is refused.
 */
export type ObjectKey = string;

/** An object's body as pieces that follow one another; views, not changed by the store and not kept after the put. */
export type Pieces = readonly Uint8Array[];

export type ListedObject = { readonly key: ObjectKey; readonly sizeBytes: number };

/** What a store is, as far as the vault decides by it. */
export type StoreTraits = {
  /** Everything is on one disk, so small objects that all depends on are kept twice. */
  readonly singleDisk: boolean;
};

/**
 * A place for objects that are written once and never changed.
 *
 * Promises, which `storeChecks` checks:
 * - **Put-if-absent.** Of any number of puts of one key, at the same time or not, exactly one is answered "created", and
 *   its bytes are the object's until it is deleted. No reader ever sees a part of an object.
 * - **Durability.** When a put has answered "created" or "exists", or a get, read, stat or list has shown the object, it
 *   survives a power cut, with its bytes. When a delete has answered, the object does not come back.
 * - **Read-after-write.** A get, read, stat or list that starts after such an answer sees the object; one that starts
 *   after a delete was answered does not. One that overlaps a put or a delete may see either.
 * - **Definite or not.** A put that throws STORE_UNAVAILABLE or CANCELLED may have taken effect, or may yet; any other
 *   code means that it has not and will not. `putDefinite` settles it by asking again with the same bytes.
 * - A list is ordered by key (bytewise) and holds every object that was there during all of it.
 *
 * Not in it: rename, append, overwrite, locks, a clock.
 *
 * Every method throws {LockstepError} ARGUMENT_INVALID (the key), STORE_UNAVAILABLE (try again), STORE_DENIED (credentials
 * or permissions; of puts also that what is no object has the key's place), STORE_MISSING (the whole store is gone: not
 * mounted, for instance), STORE_BROKEN (it lacks something that the promises need); puts also STORE_FULL (nothing was
 * written); CANCELLED when `signal` was aborted.
 */
export interface Store extends AsyncDisposable {
  /** For messages, such as `directory /backup/vault`. */
  readonly name: string;
  readonly traits: StoreTraits;

  /**
   * Writes an object unless one of that key exists.
   *
   * @param options.retainUntil  asks the store to refuse a delete before then, where it can; others ignore it
   */
  put(
    key: ObjectKey,
    body: Pieces,
    options: { readonly retainUntil?: Temporal.Instant },
    signal: AbortSignal,
  ): Promise<"created" | "exists">;

  /**
   * The whole object as a copy; null when there is none.
   *
   * @throws {LockstepError} OBJECT_TOO_LARGE when it is longer than `limitBytes`
   */
  get(key: ObjectKey, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null>;

  /**
   * Reads a range into `into`.
   *
   * Fastest when `offsetBytes` and `into.length` are multiples of 4096 and `into` is a view of an `alignedBuffer`.
   *
   * @returns  bytes read, fewer than `into.length` only at the object's end; null when there is no such object
   */
  read(key: ObjectKey, offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<number | null>;

  /**
   * Lends the object's open file to whoever reads it by himself, in other threads; only where the object's bytes are a file's, and
   * reading that so is quicker than `read`.
   *
   * One promise is looser: an object that was deleted since it was opened may still be lent.
   *
   * @param use  gets the descriptor, which is open until this resolves
   * @returns    what `use` gave; null where nothing is lent: ask `read` then
   */
  lend?<Result>(
    key: ObjectKey,
    use: (descriptor: number) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result | null>;

  /** The object's size; null when there is none. */
  stat(key: ObjectKey, signal: AbortSignal): Promise<{ readonly sizeBytes: number } | null>;

  /** Objects whose key starts with `prefix` (any string) and sorts after `after`, in order. */
  list(prefix: string, options: { readonly after?: ObjectKey }, signal: AbortSignal): AsyncIterable<ListedObject>;

  /** Removes the object; nothing happens when there is none. */
  delete(key: ObjectKey, signal: AbortSignal): Promise<void>;
}
