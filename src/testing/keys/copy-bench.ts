import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { systemRandom } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { act } from "#keys/access/act.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { ensureCopied } from "#keys/copies/copies.ts";
import type { CopyOutcome, CopyWant } from "#keys/copies/copies.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { findCopies } from "#keys/copies/copy-search.ts";
import type { CopySearch, FoundChain, SearchedPlace } from "#keys/copies/copy-search.ts";
import { addPlace } from "#keys/copies/places.ts";
import { addKeyVersion } from "#keys/custody/add-version.ts";
import { KeyStore } from "#keys/key-store.ts";
import type { KeyStoreDeps } from "#keys/key-store.ts";
import { kitCopiesIdentity, kitSetId } from "#keys/kit/kit-secret.ts";
import type { CopiesIdentity } from "#keys/kit/kit-secret.ts";
import { adoptKit } from "#keys/kit/kits.ts";
import { recoverStore } from "#keys/recovery/recover-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import { itself } from "#keys/store/model.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";

const { signal } = new AbortController();

const keyFile = (): Secret => new Secret(utf8("the key that opens the key store"));

/** A key store with a kit, and places in memory, which can be away. */
export class CopyBench implements Disposable {
  readonly kitSecret = new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
  readonly store: KeyStore;
  readonly identity: CopiesIdentity;
  readonly #deps: KeyStoreDeps;
  readonly #clock: { now: Temporal.Instant };
  readonly #places: Map<string, Store>;
  readonly #away = new Set<string>();

  private constructor(parts: {
    store: KeyStore;
    identity: CopiesIdentity;
    deps: KeyStoreDeps;
    clock: { now: Temporal.Instant };
    places: Map<string, Store>;
  }) {
    this.store = parts.store;
    this.identity = parts.identity;
    this.#deps = parts.deps;
    this.#clock = parts.clock;
    this.#places = parts.places;
  }

  /** @param places  names of places, each its own failure domain */
  static async make(...places: readonly string[]): Promise<CopyBench> {
    const clock = { now: Temporal.Instant.from("2026-01-01T00:00Z") };
    const deps = {
      now: () => clock.now,
      steadyMs: () => clock.now.epochMilliseconds,
      random: systemRandom,
      kdf: { derive: deriveKey },
    };
    const seal = { label: "key file", secret: { kind: "key-file", secret: keyFile() } } as const;
    const store = await KeyStore.create(":memory:", [seal], deps, signal);
    const secret = new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
    const identity = await kitCopiesIdentity(secret);
    const { recipient } = identity;
    inTransaction(store.db, () => {
      addIdentity(store, { name: "anna", role: "custodian", token: newToken(systemRandom), expiresMs: null });
      addIdentity(store, { name: "host", role: "backup", token: newToken(systemRandom), expiresMs: null });
      adoptKit(store, { id: kitSetId(secret), threshold: 1, custodians: ["anna"], recipient, vaults: [] });
      for (const place of places) addPlace(store, { place, domain: place });
    });
    return new CopyBench({
      store,
      identity,
      deps,
      clock,
      places: new Map(places.map((place) => [place, memoryStore()])),
    });
  }

  /** The objects of a place. */
  place(name: string): Store {
    const store = this.#places.get(name);
    if (store === undefined) throw new Error(`there is no place ${name}`);
    return store;
  }

  /** Puts another store in the place of one, such as one that fails. */
  replace(name: string, store: Store): void {
    this.#places.set(name, store);
  }

  /** Takes a place away, or brings it back. */
  away(name: string, isAway: boolean): void {
    if (isAway) this.#away.add(name);
    else this.#away.delete(name);
  }

  pass(days: number): void {
    this.#clock.now = this.#clock.now.add({ hours: 24 * days });
  }

  readonly openPlace = (name: string): Promise<Store> => {
    const store = this.#places.get(name);
    if (store !== undefined && !this.#away.has(name)) return Promise.resolve(store);
    return Promise.reject(new LockstepError("STORE_MISSING", `there is no ${name} now`));
  };

  copy(want: CopyWant = "due"): Promise<CopyOutcome> {
    return ensureCopied(this, signal, want);
  }

  add(keyName: string, value = `secret of ${keyName}`): Version {
    using secret = new Secret(utf8(value));
    return addKeyVersion(this.store, itself, {
      keyName,
      kind: "passphrase",
      value: secret,
      note: "",
      activatesMs: null,
      expiresMs: null,
    });
  }

  /** Changes anything. */
  change(sql: string, ...values: readonly (string | number | null)[]): void {
    act(this.store, itself, { act: "test", subject: "test" }, () => this.store.db.prepare(sql).run(...values));
  }

  /** The names of a place's copies, without the folder. */
  async names(name: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { key } of this.place(name).list(copyKeys.prefix, {}, signal))
      names.push(key.slice(copyKeys.prefix.length));
    return names;
  }

  searched(...names: readonly string[]): SearchedPlace[] {
    return names.map((place) => ({ place, objects: this.place(place) }));
  }

  find(...names: readonly string[]): Promise<CopySearch> {
    return findCopies(this.identity, this.searched(...names), this.store.facts().signingPublic, signal);
  }

  /** Another machine's store, of copies that were found. */
  recover(chain: FoundChain, epoch = this.store.facts().epoch + 1): Promise<KeyStore> {
    const seals = [{ label: "new key file", secret: { kind: "key-file", secret: keyFile() } }] as const;
    return recoverStore(
      ":memory:",
      { chain, seals, epoch: { number: epoch, claim: "c".repeat(32) } },
      this.#deps,
      signal,
    );
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}
