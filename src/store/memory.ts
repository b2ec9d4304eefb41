import { concat } from "#bytes/arrays.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import type { ListedObject, ObjectKey, Pieces, Store, StoreTraits } from "#store/contract.ts";
import { placeTakenError, tooLargeError } from "#store/object-errors.ts";
import { checkKey, foldersOf } from "#store/object-key.ts";

/**
 * A store in this process's memory.
 *
 * Every call waits for one turn of the microtask queue and then acts in a single step, so what happens between calls
 * is decided by the order of the calls alone. A list is the state at the moment of its first step.
 */
export function memoryStore(traits: StoreTraits = { singleDisk: false }): Store {
  return new MemoryStore(traits);
}

class MemoryStore implements Store {
  readonly name = "memory";
  readonly traits: StoreTraits;
  readonly #objects = new Map<ObjectKey, Uint8Array>();
  readonly #folders = new Set<string>();

  constructor(traits: StoreTraits) {
    this.traits = traits;
  }

  async put(
    key: ObjectKey,
    body: Pieces,
    _options: { readonly retainUntil?: Temporal.Instant },
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    checkKey(key);
    await turn(signal);
    if (this.#objects.has(key)) return "exists";
    const folders = foldersOf(key);
    if (this.#folders.has(key)) throw placeTakenError(`write ${key} to ${this.name}`, "itself");
    if (folders.some((folder) => this.#objects.has(folder)))
      throw placeTakenError(`write ${key} to ${this.name}`, "above");
    for (const folder of folders) this.#folders.add(folder);
    this.#objects.set(key, concat(...body));
    return "created";
  }

  async get(key: ObjectKey, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null> {
    checkKey(key);
    await turn(signal);
    const bytes = this.#objects.get(key);
    if (bytes === undefined) return null;
    if (bytes.length > limitBytes) throw tooLargeError(this.name, key, bytes.length, limitBytes);
    return bytes.slice();
  }

  async read(key: ObjectKey, offsetBytes: number, into: Uint8Array, signal: AbortSignal): Promise<number | null> {
    checkKey(key);
    await turn(signal);
    const bytes = this.#objects.get(key);
    if (bytes === undefined) return null;
    const part = bytes.subarray(offsetBytes, offsetBytes + into.length);
    into.set(part);
    return part.length;
  }

  async stat(key: ObjectKey, signal: AbortSignal): Promise<{ readonly sizeBytes: number } | null> {
    checkKey(key);
    await turn(signal);
    const bytes = this.#objects.get(key);
    return bytes === undefined ? null : { sizeBytes: bytes.length };
  }

  async *list(
    prefix: string,
    { after = "" }: { readonly after?: ObjectKey },
    signal: AbortSignal,
  ): AsyncIterable<ListedObject> {
    await turn(signal);
    const found: ListedObject[] = [];
    for (const [key, bytes] of this.#objects) {
      if (key.startsWith(prefix) && key > after) found.push({ key, sizeBytes: bytes.length });
    }
    yield* found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async delete(key: ObjectKey, signal: AbortSignal): Promise<void> {
    checkKey(key);
    await turn(signal);
    this.#objects.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

async function turn(signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  throwIfCancelled(signal);
}
