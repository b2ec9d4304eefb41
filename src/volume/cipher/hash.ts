import { createHash, createHmac } from "node:crypto";
import { createRequire } from "node:module";

import type { createWhirlpool } from "hash-wasm";

import { LockstepError } from "#errors/errors.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** A hash function of OpenSSL's, by its name there. */
type OpensslHash = { readonly openssl: string; readonly bytes: number };
type KnownHash = OpensslHash | { readonly openssl: null; readonly bytes: number };

const sha2 = (bits: number): OpensslHash => ({ openssl: `sha${bits}`, bytes: bits / 8 });
const sha3 = (bits: number): OpensslHash => ({ openssl: `sha3-${bits}`, bytes: bits / 8 });
const ripemd160: OpensslHash = { openssl: "ripemd160", bytes: 20 };

/** By the names that cryptsetup's back ends take, in lower case. */
const hashes: ReadonlyMap<string, KnownHash> = new Map<string, KnownHash>([
  ["sha1", { openssl: "sha1", bytes: 20 }],
  ["sha-1", { openssl: "sha1", bytes: 20 }],
  ...[224, 256, 384, 512].flatMap((bits): [string, KnownHash][] => [
    [`sha${bits}`, sha2(bits)],
    [`sha-${bits}`, sha2(bits)],
    [`sha2-${bits}`, sha2(bits)],
    [`sha3-${bits}`, sha3(bits)],
  ]),
  ["sha512-224", { openssl: "sha512-224", bytes: 28 }],
  ["sha512-256", { openssl: "sha512-256", bytes: 32 }],
  ["ripemd160", ripemd160],
  ["rmd160", ripemd160],
  ["blake2b-512", { openssl: "blake2b512", bytes: 64 }],
  ["blake2b512", { openssl: "blake2b512", bytes: 64 }],
  ["blake2s-256", { openssl: "blake2s256", bytes: 32 }],
  ["blake2s256", { openssl: "blake2s256", bytes: 32 }],
  ["sm3", { openssl: "sm3", bytes: 32 }],
  ["whirlpool", { openssl: null, bytes: 64 }],
]);

// OpenSSL has whirlpool among what Node leaves out. Only this file of the package is small; setting it up takes a promise.
const { createWhirlpool: create } = createRequire(import.meta.url)("hash-wasm/dist/whirlpool.umd.min.js") as {
  createWhirlpool: typeof createWhirlpool;
};
const whirlpool = await create();

/** Whether a hash that a LUKS header names is one that is known here. Upper and lower case are the same. */
export function isHashKnown(name: string): boolean {
  return hashes.has(name.toLowerCase());
}

/** Bytes of a digest. @throws {LockstepError} VOLUME_UNSUPPORTED: the hash is not known here */
export function hashBytes(name: string): number {
  return known(name).bytes;
}

/** OpenSSL's name of a hash, for its PBKDF2; null for whirlpool. @throws {LockstepError} VOLUME_UNSUPPORTED */
export function opensslHash(name: string): string | null {
  return known(name).openssl;
}

/** Hashes all parts, one after the other. @throws {LockstepError} VOLUME_UNSUPPORTED: the hash is not known here */
export function digest(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const { openssl } = known(name);
  if (openssl === null) {
    whirlpool.init();
    for (const part of parts) whirlpool.update(part);
    return whirlpool.digest("binary");
  }
  const hash = createHash(openssl);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** Bytes that whirlpool takes in at a time, to which HMAC fills keys up. */
const WHIRLPOOL_BLOCK_BYTES = 64;

/**
 * HMAC of all parts, one after the other.
 *
 * @throws {LockstepError} VOLUME_UNSUPPORTED: the hash is not known here
 * @see RFC 2104, section 2
 */
export function hmac(name: string, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const { openssl } = known(name);
  if (openssl !== null) {
    const mac = createHmac(openssl, key);
    for (const part of parts) mac.update(part);
    return new Uint8Array(mac.digest());
  }
  const padded = new Uint8Array(WHIRLPOOL_BLOCK_BYTES);
  padded.set(key.length > WHIRLPOOL_BLOCK_BYTES ? digest(name, key) : key);
  const inner = digest(
    name,
    padded.map((byte) => byte ^ 0x36),
    ...parts,
  );
  return digest(
    name,
    padded.map((byte) => byte ^ 0x5c),
    inner,
  );
}

function known(name: string): KnownHash {
  const hash = hashes.get(name.toLowerCase());
  if (hash !== undefined) return hash;
  throw new LockstepError("VOLUME_UNSUPPORTED", `hash ${visibleText(name.slice(0, 100))} is not known here`);
}
