import { argon2 } from "node:crypto";

import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";

/** What deriving a key from a passphrase takes (RFC 9106, section 3.1). */
export type PassphraseCost = {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
};

/** RFC 9106, section 4, the second recommended option: what new passphrases get. */
export const standardCost: PassphraseCost = { memoryKiB: 64 * 1024, passes: 3, lanes: 4 };

/** The most that a keyring may ask for; more is refused before any work. */
export const costCap: PassphraseCost = { memoryKiB: 1024 * 1024, passes: 16, lanes: 16 };

/** Bytes of a passphrase's salt. */
export const SALT_BYTES = 16;

/**
 * Turns passphrases into keys. Whoever opens a vault passes one in: `argon2idKdf` where nothing else is known.
 */
export type PassphraseKdf = {
  /** What a new passphrase costs. */
  readonly cost: PassphraseCost;
  /**
   * @param passphrase  as `normalPassphrase` gave it
   * @param salt        16 bytes
   * @returns           32 bytes
   * @throws {LockstepError} CANCELLED
   */
  derive(passphrase: Secret, salt: Uint8Array, cost: PassphraseCost, signal: AbortSignal): Promise<Secret>;
};

/**
 * Argon2id (RFC 9106) of this process's own library.
 *
 * A derivation that has begun cannot be stopped. When `signal` is aborted the promise rejects at once, and what the
 * derivation gives later is wiped; its memory and its thread stay busy until then, for as long as `costCap` allows.
 */
export const argon2idKdf: PassphraseKdf = {
  cost: standardCost,
  async derive(passphrase, salt, cost, signal) {
    throwIfCancelled(signal);
    const { promise, resolve, reject } = Promise.withResolvers<Secret>();
    const parameters = {
      message: passphrase.bytes,
      nonce: salt,
      parallelism: cost.lanes,
      tagLength: 32,
      memory: cost.memoryKiB,
      passes: cost.passes,
    };
    const onAbort = (): void => reject(new LockstepError("CANCELLED", "Cancelled.", { cause: signal.reason }));
    signal.addEventListener("abort", onAbort, { once: true });
    argon2("argon2id", parameters, (error, key) => {
      signal.removeEventListener("abort", onAbort);
      if (error !== null) {
        reject(error);
        return;
      }
      const secret = new Secret(new Uint8Array(key));
      key.fill(0);
      if (signal.aborted) secret.wipe();
      resolve(secret);
    });
    return promise;
  },
};

/** Why a cost is refused, in words; null when it is allowed. */
export function costRefusal(cost: PassphraseCost): string | null {
  const over = (what: string, asked: number, cap: number): string => `it asks for ${asked} ${what}, the most is ${cap}`;
  if (cost.memoryKiB > costCap.memoryKiB) return over("KiB of memory", cost.memoryKiB, costCap.memoryKiB);
  if (cost.passes > costCap.passes) return over("passes", cost.passes, costCap.passes);
  if (cost.lanes > costCap.lanes) return over("lanes", cost.lanes, costCap.lanes);
  return null;
}

/**
 * The bytes of a passphrase that are derived from: normalised to NFKC, so that it is the same however a keyboard composed
 * its characters, as UTF-8.
 *
 * @param passphrase  UTF-8, without the line end of the file or prompt that it came from
 * @returns           a copy
 * @throws {LockstepError} ARGUMENT_INVALID: empty, or not UTF-8
 */
export function normalPassphrase(passphrase: Secret): Secret {
  let text: string;
  try {
    text = fromUtf8(passphrase.bytes).normalize("NFKC");
  } catch {
    throw new LockstepError("ARGUMENT_INVALID", "Reading a passphrase: it is not UTF-8 text.");
  }
  if (text === "") throw new LockstepError("ARGUMENT_INVALID", "Reading a passphrase: it is empty.");
  return new Secret(utf8(text));
}
