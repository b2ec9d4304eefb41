import { LockstepError } from "#errors/errors.ts";
import { digest, hashBytes } from "#volume/cipher/hash.ts";

/**
 * Merges the stripes that a key was spread over; as long as one of them is missing, the others say nothing about the key.
 *
 * Does not verify that the key is the right one: any material gives some key.
 *
 * @param material  `stripes` × `keyBytes` bytes; what lies behind them is passed over
 * @param hash      the header's name of the hash
 * @returns         the key, `keyBytes` bytes: wipe it
 * @throws {LockstepError} ARGUMENT_INVALID: no stripes, or less material than that
 * @see Clemens Fruhwirth, TKS1 – An anti-forensic, two level, and iterated key setup scheme, section 2; LUKS1 On-Disk Format
 *   Specification 1.2.3, section 2.4
 */
export function afMerge(material: Uint8Array, keyBytes: number, stripes: number, hash: string): Uint8Array {
  if (keyBytes === 0 || stripes === 0) {
    throw new LockstepError("ARGUMENT_INVALID", `Merging ${stripes} stripes of ${keyBytes} bytes is not possible.`);
  }
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

/** Replaces each piece of the block, as long as a digest or shorter at the end, by the hash of its number and of itself. */
export function diffuse(block: Uint8Array, hash: string): void {
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
