import { concat } from "#bytes/arrays.ts";
import type { Random } from "#crypto/derive.ts";
import { diffuse } from "#volume/luks/anti-forensic.ts";

/**
 * Spreads a key over stripes: the reverse of `afMerge`.
 *
 * @param random  gives all stripes but the last
 * @returns       `stripes` × as many bytes as the key has
 */
export function afSplit(key: Uint8Array, stripes: number, hash: string, random: Random): Uint8Array {
  const noise = random(key.length * (stripes - 1));
  const mixed = new Uint8Array(key.length);
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    xorInto(mixed, noise.subarray(stripe * key.length));
    diffuse(mixed, hash);
  }
  xorInto(mixed, key);
  return concat(noise, mixed);
}

function xorInto(block: Uint8Array, other: Uint8Array): void {
  for (const [at, byte] of block.entries()) block[at] = byte ^ (other[at] ?? 0);
}
