import { equalBytes } from "#bytes/arrays.ts";
import type { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { costCap, costRefusal, normalPassphrase } from "#vault/keyring/passphrase-kdf.ts";
import type { PassphraseKdf } from "#vault/keyring/passphrase-kdf.ts";
import type { WayKeyPair } from "#vault/keyring/unlock-way-exchange.ts";
import { keyFilePair, passphrasePair } from "#vault/keyring/unlock-way.ts";
import type { UnlockSecret, UnlockWay } from "#vault/keyring/unlock-way.ts";
import type { VaultId } from "#vault/object/ids.ts";

/** Finds out which unlock ways a secret fits. */
export type Fit = {
  /** The way's key pair; null when the secret does not fit the way, or trying it is refused. */
  pairOf(way: UnlockWay, signal: AbortSignal): Promise<WayKeyPair | null>;
  /** The first way that was not tried because of what it costs, in words. */
  readonly refused: string | null;
};

/** One opening may cost as much as the dearest way that is allowed, in KiB × passes, and no more. */
const WORK_CAP = costCap.memoryKiB * costCap.passes;

/** @throws {LockstepError} ARGUMENT_INVALID: a passphrase that is empty or not UTF-8 */
export function fitOf(secret: UnlockSecret, vaultId: VaultId, kdf: PassphraseKdf): Fit {
  return secret.kind === "keyfile"
    ? fitOfPair(keyFilePair(vaultId, secret.key))
    : new PassphraseFit(normalPassphrase(secret.passphrase), vaultId, kdf);
}

/** The fit of a key pair that is known. */
export function fitOfPair(pair: WayKeyPair): Fit {
  return {
    pairOf: (way) => Promise.resolve(equalBytes(way.publicKey, pair.publicKey) ? pair : null),
    refused: null,
  };
}

/** Tries a passphrase once on each way, however many generations hold the way. */
class PassphraseFit implements Fit {
  readonly #passphrase: Secret;
  readonly #vaultId: VaultId;
  readonly #kdf: PassphraseKdf;
  readonly #tried = new Map<string, WayKeyPair | null>();
  #work = 0;
  refused: string | null = null;

  constructor(passphrase: Secret, vaultId: VaultId, kdf: PassphraseKdf) {
    this.#passphrase = passphrase;
    this.#vaultId = vaultId;
    this.#kdf = kdf;
  }

  async pairOf(way: UnlockWay, signal: AbortSignal): Promise<WayKeyPair | null> {
    if (way.kind !== "passphrase") return null;
    const { memoryKiB, passes, lanes } = way.cost;
    const name = [
      way.id,
      memoryKiB,
      passes,
      lanes,
      ...[way.salt, way.publicKey, way.wrappedPrivateKey].map(hex),
    ].join();
    const known = this.#tried.get(name);
    if (known !== undefined) return known;
    const work = memoryKiB * passes;
    const refusal =
      costRefusal(way.cost) ?? (this.#work + work > WORK_CAP ? "all ways together ask for too much work" : null);
    if (refusal !== null) {
      this.refused ??= `the unlock way ${JSON.stringify(way.label)}: ${refusal}`;
      return null;
    }
    this.#work += work;
    const pair = await passphrasePair(this.#vaultId, way, this.#passphrase, this.#kdf, signal);
    this.#tried.set(name, pair);
    return pair;
  }
}
