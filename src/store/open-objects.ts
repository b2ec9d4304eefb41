import type { OpenObject } from "#store/open-object.ts";

type Entry = { readonly object: Promise<OpenObject | null>; users: number; dropped: boolean };

/** The objects read last, kept open: at most `limit` of them, and those in use. */
export class OpenObjects implements AsyncDisposable {
  readonly #limit: number;
  readonly #open: (path: string) => Promise<OpenObject | null>;
  readonly #entries = new Map<string, Entry>(); // least recently used first

  constructor(limit: number, open: (path: string) => Promise<OpenObject | null>) {
    this.#limit = limit;
    this.#open = open;
  }

  /** Runs `work` with the open object, which stays open meanwhile; null when there is no such object. */
  async use<Result>(path: string, work: (object: OpenObject) => Promise<Result>): Promise<Result | null> {
    const entry = this.#entries.get(path) ?? { object: this.#open(path), users: 0, dropped: false };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users++;
    try {
      const object = await entry.object;
      await this.#evict();
      if (object !== null) return await work(object);
      this.#remove(path, entry);
      return null;
    } catch (error) {
      this.#remove(path, entry);
      throw error;
    } finally {
      entry.users--;
      await closeUnused(entry);
    }
  }

  /** Closes the object once it is no longer in use; the next use opens it anew. */
  async drop(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#remove(path, entry);
    await closeUnused(entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#entries.keys()) await this.drop(path);
  }

  async #evict(): Promise<void> {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > this.#limit) await this.drop(oldest);
  }

  #remove(path: string, entry: Entry): void {
    entry.dropped = true;
    if (this.#entries.get(path) === entry) this.#entries.delete(path);
  }
}

async function closeUnused(entry: Entry): Promise<void> {
  if (!entry.dropped || entry.users > 0) return;
  const object = await entry.object.catch(() => null); // its opener was told
  await object?.[Symbol.asyncDispose]();
}
