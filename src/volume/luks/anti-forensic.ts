import { concat } from "#bytes/arrays.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { digest, hashBytes } from "#volume/cipher/hash.ts";

/**
 * Puts a key together again that was spread over stripes, so that no part of them says anything of it.
 *
 * Says nothing of whether the key is the right one: any material gives some key.
 *
 * @param material  `stripes` × `keyBytes` bytes; what lies behind them is passed over
 * @param hash      the header's name of the hash
 * @returns         the key, `keyBytes` bytes: wipe it
 * @throws {LockstepError} ARGUMENT_INVALID: no stripes, or less material than that
 * @see Clemens Fruhwirth, TKS1 – An anti-forensic, two level, and iterated key setup scheme, section 2; LUKS1 On-Disk Format
 *   Specification 1.2.3, section 2.4
 */
export function afMerge(material: Uint8Array, keyBytes: number, stripes: number, hash: string): Uint8Array {
  assertShape(keyBytes, stripes);
  if (material.length < keyBytes * stripes) {
    throw new LockstepError("ARGUMENT_INVALID", `Merging ${stripes} stripes: there are ${material.length} bytes.`);
  }
  const mixed = new Uint8Array(keyBytes);
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    xorInto(mixed, material, stripe * keyBytes);
    diffuse(mixed, hash);
  }
  xorInto(mixed, material, (stripes - 1) * keyBytes);
  return mixed;
}

/**
 * Spreads a key over stripes: the reverse of `afMerge`.
 *
 * @param random  gives all stripes but the last
 * @returns       `stripes` × as many bytes as the key has: wipe them
 * @throws {LockstepError} ARGUMENT_INVALID: no stripes, or no key
 */
export function afSplit(key: Uint8Array, stripes: number, hash: string, random: Random): Uint8Array {
  assertShape(key.length, stripes);
  const noise = random(key.length * (stripes - 1));
  const mixed = new Uint8Array(key.length);
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    xorInto(mixed, noise, stripe * key.length);
    diffuse(mixed, hash);
  }
  xorInto(mixed, key, 0);
  const material = concat(noise, mixed);
  noise.fill(0);
  mixed.fill(0);
  return material;
}

/** Replaces each piece of the hash's length, and a shorter last one, by the hash of its number and of itself, cut to its length. */
function diffuse(block: Uint8Array, hash: string): void {
  const size = hashBytes(hash);
  const input = new Uint8Array(4 + size);
  const number = new DataView(input.buffer);
  for (let piece = 0; piece * size < block.length; piece++) {
    const at = piece * size;
    const length = Math.min(size, block.length - at);
    number.setUint32(0, piece);
    input.set(block.subarray(at, at + length), 4);
    const mixed = digest(hash, input.subarray(0, 4 + length));
    block.set(mixed.subarray(0, length), at);
    mixed.fill(0);
  }
  input.fill(0);
}

function xorInto(block: Uint8Array, from: Uint8Array, at: number): void {
  for (let i = 0; i < block.length; i++) block[i] = (block[i] ?? 0) ^ (from[at + i] ?? 0);
}

function assertShape(keyBytes: number, stripes: number): void {
  if (keyBytes > 0 && stripes > 0) return;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    `Anti-forensic stripes: ${stripes} of ${keyBytes} bytes are not possible.`,
  );
}
