import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";

/** A value as the database keeps it: by which wrapping key, and its sealed bytes. */
export type WrappedValue = { readonly wrapping: number; readonly value: Uint8Array };

/** A root key, and which of the store's it is, from 1. */
export type RootKey = { readonly number: number; readonly key: Secret };

/** What signatures are for; none is valid for another. */
export type SigningPurpose = "copy" | "receipt" | "proof" | "audit head" | "certificate" | "epoch";

/** The keys of an open key store. Wipes them when it is disposed of. */
export class KeyRing implements Disposable {
  readonly #wrapping: Map<number, Secret>;
  readonly #signing: KeyObject;
  #current: number;

  /**
   * @param wrapping     by number; taken over
   * @param current      the one that wraps new values
   * @param signingSeed  32 bytes, an Ed25519 private key (RFC 8032); wiped
   */
  constructor(wrapping: ReadonlyMap<number, Secret>, current: number, signingSeed: Secret) {
    this.#wrapping = new Map(wrapping);
    this.#current = current;
    this.#signing = signingKeyOf(signingSeed);
    signingSeed.wipe();
  }

  get currentWrapping(): number {
    return this.#current;
  }

  /** Wraps a value. @param id  what it belongs to; it opens under no other id */
  wrap(id: string, plain: Secret, random: Random): WrappedValue {
    return { wrapping: this.#current, value: wrapWith(this.#key(this.#current), this.#current, id, plain, random) };
  }

  /** @throws {LockstepError} KEY_STORE_CORRUPT: it was changed, or is of something else */
  unwrap(id: string, { wrapping, value }: WrappedValue): Secret {
    return unwrapWith(this.#key(wrapping), wrapping, id, value);
  }

  /** Adds a wrapping key, which wraps new values from now on. @param key taken over */
  add(number: number, key: Secret): void {
    this.#wrapping.set(number, key);
    this.#current = number;
  }

  /** Forgets a wrapping key, which wraps nothing any more. */
  drop(number: number): void {
    this.#wrapping.get(number)?.wipe();
    this.#wrapping.delete(number);
  }

  /** Its wrapping keys by number, each wrapped by a root key. */
  wrapKeys(root: RootKey, random: Random): ReadonlyMap<number, Uint8Array> {
    const wrapped = [...this.#wrapping].map(([number, key]) => [number, wrapKey(root, number, key, random)] as const);
    return new Map(wrapped);
  }

  /** Ed25519 over the purpose and `bytes`; 64 bytes. @see verifySignature */
  sign(purpose: SigningPurpose, bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, signedBytes(purpose, bytes), this.#signing));
  }

  [Symbol.dispose](): void {
    for (const key of this.#wrapping.values()) key.wipe();
    this.#wrapping.clear();
  }

  #key(number: number): Secret {
    const key = this.#wrapping.get(number);
    if (key !== undefined) return key;
    throw new LockstepError("KEY_STORE_CORRUPT", `the key store has no wrapping key ${number}`);
  }
}

/** What is signed for a purpose. */
export function signedBytes(purpose: SigningPurpose, bytes: Uint8Array): Uint8Array {
  return concat(utf8(`lockstep v1 ${purpose}\n`), bytes);
}

/** The public half of a signing key, 32 bytes. */
export function signingPublicOf(seed: Secret): Uint8Array {
  const publicKey = createPublicKey(signingKeyOf(seed)).export({ format: "raw-public" });
  return new Uint8Array(publicKey);
}

function signingKeyOf(seed: Secret): KeyObject {
  return createPrivateKey({ key: seed.bytes, format: "raw-private", asymmetricKeyType: "ed25519" });
}

/** A wrapping key as the database keeps it. */
export function wrapKey(root: RootKey, number: number, key: Secret, random: Random): Uint8Array {
  return wrapWith(root.key, root.number, `wrapping key ${number}`, key, random);
}

/** @throws {LockstepError} KEY_STORE_CORRUPT */
export function unwrapKey(root: RootKey, number: number, wrapped: Uint8Array): Secret {
  return unwrapWith(root.key, root.number, `wrapping key ${number}`, wrapped);
}

/** What the store wraps a secret of its own as. */
export function ownSecretName(name: string): string {
  return `own secret ${name}`;
}

/** Nonce, ciphertext, tag. */
export function wrapWith(key: Secret, number: number, id: string, plain: Secret, random: Random): Uint8Array {
  const nonce = random(NONCE_BYTES);
  return concat(nonce, sealGcm(key.bytes, nonce, plain.bytes, associated(number, id)));
}

/** @throws {LockstepError} KEY_STORE_CORRUPT */
export function unwrapWith(key: Secret, number: number, id: string, wrapped: Uint8Array): Secret {
  const sealed = wrapped.subarray(NONCE_BYTES);
  const plain = openGcm(key.bytes, wrapped.subarray(0, NONCE_BYTES), sealed, associated(number, id));
  if (plain !== null) return new Secret(plain);
  throw new LockstepError("KEY_STORE_CORRUPT", `the key store's value of ${id} was changed or is damaged`, {
    hint: "Keep the database as it is, and bring the key store back from a copy: `lockstep recover`.",
  });
}

function associated(number: number, id: string): Uint8Array {
  return utf8(`lockstep v1 wrapped by ${number}: ${id}`);
}
