import type { Secret } from "#bytes/secret.ts";

/** A key derivation that a header asks for, without the secret. Plain data, for a child process. */
export type KdfRequest =
  | {
      readonly kind: "pbkdf2";
      /** OpenSSL's name, in lower case. */
      readonly hash: string;
      readonly iterations: number;
      readonly salt: Uint8Array;
      readonly keyBytes: number;
    }
  | {
      readonly kind: "argon2i" | "argon2id";
      readonly memoryKiB: number;
      readonly passes: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
      readonly keyBytes: number;
    }
  /** BitLocker: 2^20 rounds of SHA-256 over a hash of the secret and a salt of 16 bytes; gives 32 bytes. */
  | { readonly kind: "bitlocker"; readonly rounds: number; readonly salt: Uint8Array };

/** What a derivation takes, by the header's own numbers. */
export type KdfCost = {
  readonly kind: KdfRequest["kind"];
  /** Rounds, or passes over the memory. */
  readonly iterations: number;
  /** 0 where it takes no memory to speak of. */
  readonly memoryKiB: number;
  readonly lanes: number;
  /** On a machine like those that the benchmarks run on; an estimate. */
  readonly seconds: number;
};

/** The most that may be spent on one derivation. */
export type CostLimit = { readonly memoryKiB: number; readonly seconds: number };

/** Derives keys. What it costs was weighed before it is called; it stops when `signal` is aborted. */
export type KeyDeriver = {
  /**
   * @param secret  pbkdf2 and argon2: the passphrase; bitlocker: the 32 bytes that the secret was hashed to
   * @throws {LockstepError} KDF_FAILED: it ran out of the memory or time that it was given · CANCELLED
   */
  derive(request: KdfRequest, secret: Secret, signal: AbortSignal): Promise<Secret>;
};
