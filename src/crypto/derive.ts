import { createHash, createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

import { utf8 } from "#bytes/text.ts";

/** A source of randomness: `length` fresh random bytes. Tests pass a repeatable one. */
export type Random = (length: number) => Uint8Array;

/** The operating system's randomness. */
export const systemRandom: Random = (length) => new Uint8Array(randomBytes(length));

/** SHA-256 of the parts one after the other: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const all = createHash("sha256");
  for (const part of parts) all.update(part);
  return new Uint8Array(all.digest());
}

/** SHA-256 of a text's UTF-8, as 64 lower-case hex digits. Leaves nothing to collect, so it is for thousands of short texts. */
export function sha256Text(text: string): string {
  return hash("sha256", text, "hex");
}

/** HMAC-SHA-256 (RFC 2104) of the parts one after the other: 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/**
 * HKDF-SHA-256 (RFC 5869).
 *
 * @param info    says what the key is for; distinct for each use
 * @param length  bytes wanted, 32 unless told
 */
export function hkdf(key: Uint8Array, salt: Uint8Array, info: string | Uint8Array, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, salt, typeof info === "string" ? utf8(info) : info, length));
}

/** Equal contents, in a time that does not depend on them. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
