import type { DatabaseSync } from "node:sqlite";

import { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { rewrapValues } from "#keys/seal/rewrap.ts";
import { watchChanges } from "#keys/store/changes.ts";
import { damageOr } from "#keys/store/database-damage.ts";
import { inTransaction, openDatabase } from "#keys/store/database.ts";
import {
  KeyRing,
  ownSecretName,
  signingPublicOf,
  unwrapKey,
  unwrapWith,
  wrapKey,
  wrapWith,
} from "#keys/store/key-ring.ts";
import type { RootKey } from "#keys/store/key-ring.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { keepRowSums } from "#keys/store/row-sums.ts";
import { makeSeal, openRoot } from "#keys/store/seal.ts";
import type { NewSeal, Seal, SealSecret } from "#keys/store/seal.ts";
import { loadSeals, replaceSeals } from "#keys/store/seals.ts";
import type { StoredSeal } from "#keys/store/seals.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

/** What a key store takes from its process. */
export type KeyStoreDeps = {
  readonly now: () => Temporal.Instant;
  /** Milliseconds from anywhere, by what nobody can set and never goes back, such as `performance.now`. */
  readonly steadyMs: () => number;
  readonly random: Random;
  readonly kdf: KeyDeriver;
};

/** What the store says of itself, sealed or open. */
export type StoreFacts = {
  readonly id: KeyStoreId;
  readonly createdMs: number;
  readonly epoch: number;
  readonly epochClaim: string;
  /** Why releases and destruction are frozen, in words; null when they are not. */
  readonly frozen: string | null;
  readonly rootNumber: number;
  /** Ed25519, 32 bytes. */
  readonly signingPublic: Uint8Array;
};

/** What a store is from its beginning on, and keeps through every recovery but for its epoch. */
export type StoreOrigin = Pick<StoreFacts, "id" | "createdMs" | "epoch" | "epochClaim" | "frozen"> & {
  /** 32 bytes, an Ed25519 private key (RFC 8032). */
  readonly signingSeed: Secret;
};

/**
 * A key store: a database, and while it is open the keys that unwrap what is in it. One process has it.
 *
 * Everything but values can be read while it is sealed.
 */
export class KeyStore implements Disposable {
  readonly db: DatabaseSync;
  readonly deps: KeyStoreDeps;
  #ring: KeyRing | null = null;

  private constructor(db: DatabaseSync, deps: KeyStoreDeps) {
    this.db = db;
    this.deps = deps;
    watchChanges(db);
    keepRowSums(db);
  }

  /**
   * Opens the database; the store is sealed.
   *
   * @throws {LockstepError} what `openDatabase` throws; KEY_STORE_CORRUPT: it holds no store
   */
  static open(path: string, deps: KeyStoreDeps): KeyStore {
    const store = new KeyStore(openDatabase(path, { create: false }), deps);
    try {
      void store.facts();
      return store;
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes a key store. It is open.
   *
   * @param path   a file that is not there, or `:memory:`
   * @param seals  what opens it after a restart; at least one
   * @param origin  of a store that is recovered; else it is a new one
   * @throws {LockstepError} KEY_STORE_EXISTS; ARGUMENT_INVALID: no seal, and what `makeSeal` throws
   */
  static async create(
    path: string,
    seals: readonly NewSeal[],
    deps: KeyStoreDeps,
    signal: AbortSignal,
    origin: StoreOrigin = newOrigin(deps),
  ): Promise<KeyStore> {
    if (seals.length === 0) throw new LockstepError("ARGUMENT_INVALID", "making a key store: nothing would open it");
    const made: Seal[] = [];
    for (const seal of seals) made.push(await makeSeal(origin.id, seal, deps, signal));
    const store = new KeyStore(openDatabase(path, { create: true }), deps);
    try {
      if (store.db.prepare("SELECT 1 FROM store").get() !== undefined) {
        throw new LockstepError("KEY_STORE_EXISTS", `making a key store: ${path} is one already`);
      }
      store.#fill(origin, made);
      return store;
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws {LockstepError} KEY_STORE_CORRUPT: the database holds no store */
  facts(): StoreFacts {
    const row = prepared(this.db, "SELECT * FROM store").get();
    if (row === undefined) throw new LockstepError("KEY_STORE_CORRUPT", "the key store's database holds no store");
    return {
      id: String(row["id"]) as KeyStoreId,
      createdMs: Number(row["created_ms"]),
      epoch: Number(row["epoch"]),
      epochClaim: String(row["epoch_claim"]),
      frozen: row["frozen"] === null ? null : String(row["frozen"]),
      rootNumber: Number(row["root_number"]),
      signingPublic: row["signing_public"] as Uint8Array,
    };
  }

  get isSealed(): boolean {
    return this.#ring === null;
  }

  /** The store's keys. @throws {LockstepError} KEY_STORE_SEALED */
  get ring(): KeyRing {
    if (this.#ring !== null) return this.#ring;
    throw new LockstepError("KEY_STORE_SEALED", "the key store is sealed", {
      hint: "Open it with `lockstep keystore unseal`.",
    });
  }

  /** All ways in which it opens. */
  seals(): readonly StoredSeal[] {
    try {
      return loadSeals(this.db);
    } catch (error) {
      throw damageOr(this.db, "reading what opens the key store", error);
    }
  }

  /**
   * Opens the store with a secret, trying each seal of its kind. A rollover of its keys that was interrupted is brought to its
   * end; where its disk takes nothing, at the next opening.
   *
   * @throws {LockstepError} KEY_STORE_REJECTED: it opens none; KEY_STORE_CORRUPT; UNLOCK_TOO_COSTLY, KDF_FAILED, CANCELLED
   */
  async unseal(secret: SealSecret, signal: AbortSignal): Promise<void> {
    try {
      await this.#unseal(secret, signal);
    } catch (error) {
      throw damageOr(this.db, "opening the key store", error);
    }
  }

  async #unseal(secret: SealSecret, signal: AbortSignal): Promise<void> {
    const { id, rootNumber } = this.facts();
    for (const seal of this.seals()) {
      const sealed = { root: seal.sealedRoot, rootNumber };
      using root = await openRoot(id, seal, sealed, secret, this.deps.kdf, signal);
      if (root === null) continue;
      if (this.#ring !== null) return;
      this.#ring = this.#openRing({ number: rootNumber, key: root });
      await this.#goOnRewrapping();
      return;
    }
    throw new LockstepError("KEY_STORE_REJECTED", `opening the key store: this ${secret.kind} does not open it`, {
      hint: "`lockstep keystore show` lists what opens it.",
    });
  }

  /** Forgets its keys. */
  seal(): void {
    this.#ring?.[Symbol.dispose]();
    this.#ring = null;
  }

  /** Seals the store and closes the database. */
  [Symbol.dispose](): void {
    this.seal();
    this.db.close();
  }

  /** All can be read meanwhile: both wrapping keys are there until nothing is wrapped by the old one. */
  async #goOnRewrapping(): Promise<void> {
    try {
      await rewrapValues(this);
    } catch (error) {
      if (!isLockstepError(error, "STORE_FULL", "STORE_UNAVAILABLE", "STORE_DENIED")) throw error;
    }
  }

  #fill({ id, createdMs, epoch, epochClaim, frozen, signingSeed }: StoreOrigin, seals: readonly Seal[]): void {
    const { random, now } = this.deps;
    const madeMs = now().epochMilliseconds;
    using rootKey = new Secret(random(32));
    const root = { number: 1, key: rootKey };
    const wrapping = new Secret(random(32));
    const signing = new Secret(signingSeed.bytes.slice());
    inTransaction(this.db, () => {
      this.db
        .prepare("INSERT INTO store VALUES (1, ?, ?, ?, ?, ?, 1, ?)")
        .run(id, createdMs, epoch, epochClaim, frozen, signingPublicOf(signing));
      replaceSeals(this.db, id, seals, root, random);
      this.db
        .prepare("INSERT INTO wrapping_keys VALUES (1, ?, NULL, ?)")
        .run(madeMs, wrapKey(root, 1, wrapping, random));
      this.db
        .prepare("INSERT INTO own_secrets VALUES ('signing key', 1, ?)")
        .run(wrapWith(wrapping, 1, ownSecretName("signing key"), signing, random));
    });
    this.#ring = new KeyRing(new Map([[1, wrapping]]), 1, signing);
  }

  #openRing(root: RootKey): KeyRing {
    const wrapping = new Map<number, Secret>();
    try {
      let current = 0;
      for (const row of this.db.prepare("SELECT * FROM wrapping_keys ORDER BY number").all()) {
        const number = Number(row["number"]);
        wrapping.set(number, unwrapKey(root, number, row["wrapped"] as Uint8Array));
        if (row["retired_ms"] === null) current = number;
      }
      return new KeyRing(wrapping, current, this.#signingSeed(wrapping));
    } catch (error) {
      for (const key of wrapping.values()) key.wipe();
      throw error;
    }
  }

  #signingSeed(wrapping: ReadonlyMap<number, Secret>): Secret {
    const row = this.db.prepare("SELECT wrapping, value FROM own_secrets WHERE name = 'signing key'").get();
    const number = Number(row?.["wrapping"]);
    const key = wrapping.get(number);
    if (row === undefined || key === undefined) {
      throw new LockstepError("KEY_STORE_CORRUPT", "the key store has no signing key");
    }
    return unwrapWith(key, number, ownSecretName("signing key"), row["value"] as Uint8Array);
  }
}

function newOrigin({ random, now }: KeyStoreDeps): StoreOrigin {
  return {
    id: hex(random(16)) as KeyStoreId,
    createdMs: now().epochMilliseconds,
    epoch: 1,
    epochClaim: hex(random(16)),
    frozen: null,
    signingSeed: new Secret(random(32)),
  };
}
