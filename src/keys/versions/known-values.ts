import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { hmacSha256 } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { ValueKind, VersionId } from "#keys/store/model.ts";
import { loadVersions, versionValue } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { parseRecoveryPassword } from "#volume/bitlocker/recovery-password.ts";

/** Values that are unwrapped before others get a turn. */
const AT_A_TIME = 500;

/**
 * Tells whether the store has a value already. It keeps hashes under a random key that is nowhere else and goes with it, so nothing
 * is left by which a value could be guessed.
 */
export class KnownValues implements Disposable {
  readonly #store: KeyStore;
  readonly #key: Secret;
  readonly #seen = new Set<VersionId>();
  readonly #byHash = new Map<string, VersionId>();

  constructor(store: KeyStore) {
    this.#store = store;
    this.#key = new Secret(store.deps.random(32));
  }

  /**
   * Learns all values of the store that are new to it, and lets others work meanwhile: `learn` has the rest.
   *
   * @throws {LockstepError} KEY_STORE_SEALED
   */
  async learnInTurns(): Promise<void> {
    for (const [index, version] of this.#unseen().entries()) {
      this.add(version);
      if (index % AT_A_TIME === AT_A_TIME - 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Learns the values that came since. @throws {LockstepError} KEY_STORE_SEALED */
  learn(): void {
    for (const version of this.#unseen()) this.add(version);
  }

  /** Learns one version's value; one that is damaged or destroyed cannot be compared with any. */
  add(version: Version): void {
    this.#seen.add(version.id);
    try {
      using value = versionValue(this.#store, version);
      const hash = this.#hash(version.kind, value);
      // Of several with one value, one that is not deleted is the more useful.
      if (!this.#byHash.has(hash) || version.deletedMs === null) this.#byHash.set(hash, version.id);
    } catch (error) {
      if (!isLockstepError(error, "KEY_STORE_CORRUPT", "VERSION_UNUSABLE")) throw error;
    }
  }

  /** The version that has a value; null where none does. Two ways to write a recovery password are one value. */
  find(kind: ValueKind, value: Secret): VersionId | null {
    return this.#byHash.get(this.#hash(kind, value)) ?? null;
  }

  [Symbol.dispose](): void {
    this.#key.wipe();
    this.#byHash.clear();
  }

  #unseen(): readonly Version[] {
    return loadVersions(this.#store, null).filter(({ id }) => !this.#seen.has(id));
  }

  #hash(kind: ValueKind, value: Secret): string {
    if (kind !== "recovery-password") return hex(hmacSha256(this.#key.bytes, utf8(`${kind}\n`), value.bytes));
    using number = parseRecoveryPassword(value);
    return hex(hmacSha256(this.#key.bytes, utf8(`${kind}\n`), number.bytes));
  }
}
