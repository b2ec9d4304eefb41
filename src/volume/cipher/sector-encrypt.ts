import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { Elephant } from "#volume/cipher/elephant.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SplitKey } from "#volume/cipher/sector-decrypter.ts";
import type { SectorIvs } from "#volume/cipher/sector-iv.ts";

/** Encrypts one sector in place, given its number. */
export type SectorEncrypter = Disposable & { encrypt(sector: Uint8Array, number: bigint): void };

/**
 * Encrypts block by block, with numbers of 128 bits where the decryption has tables and passes: the tests hold the two
 * against each other.
 */
export function openSectorEncrypter(
  spec: SectorCipherSpec,
  key: SplitKey,
  ivs: SectorIvs,
  elephant: Elephant | null,
): SectorEncrypter {
  const blocks = openBlockCipher(spec.cipher, key.data);
  const second = spec.mode === "xts" ? openBlockCipher(spec.cipher, key.second) : null;
  const lrwKey = spec.mode === "lrw" ? new Uint8Array(key.second) : new Uint8Array();

  const one = (block: bigint): bigint => fromLittle(blocks.encrypt(toLittle(block)));
  return {
    encrypt: (sector, number) => {
      elephant?.gather(sector, spec.sectorBytes, number * BigInt(spec.ivUnitBytes));
      const iv = ivs.of(number, 1);
      // The XTS tweak or the last ciphertext block, little-endian; the LRW index, big-endian.
      let state = spec.mode === "lrw" ? fromBig(iv) : fromLittle(second === null ? iv : second.encrypt(iv));
      for (let at = 0; at < sector.length; at += BLOCK_BYTES) {
        const block = sector.subarray(at, at + BLOCK_BYTES);
        const plain = fromLittle(block);
        switch (spec.mode) {
          case "ecb":
            block.set(toLittle(one(plain)));
            break;
          case "cbc":
            state = one(plain ^ state);
            block.set(toLittle(state));
            break;
          case "xts":
            block.set(toLittle(one(plain ^ state) ^ state));
            state = timesX(state);
            break;
          case "lrw": {
            const tweak = fromLittle(toLittle(product(fromBig(lrwKey), state)).reverse());
            block.set(toLittle(one(plain ^ tweak) ^ tweak));
            state = BigInt.asUintN(128, state + 1n);
            break;
          }
        }
      }
    },
    [Symbol.dispose]: () => {
      blocks[Symbol.dispose]();
      second?.[Symbol.dispose]();
      lrwKey.fill(0);
    },
  };
}

/** A polynomial over GF(2) times x, modulo x^128 + x^7 + x^2 + x + 1. */
function timesX(value: bigint): bigint {
  return BigInt.asUintN(128, value << 1n) ^ (value >> 127n === 1n ? 0x87n : 0n);
}

/** Product of two polynomials, modulo the same. */
function product(a: bigint, b: bigint): bigint {
  let sum = 0n;
  let shifted = a;
  for (let rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum ^= shifted;
    shifted = timesX(shifted);
  }
  return sum;
}

function fromLittle(block: Uint8Array): bigint {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES);
  return view.getBigUint64(0, true) | (view.getBigUint64(8, true) << 64n);
}

function fromBig(block: Uint8Array): bigint {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES);
  return view.getBigUint64(8) | (view.getBigUint64(0) << 64n);
}

function toLittle(value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(BLOCK_BYTES));
  view.setBigUint64(0, value, true);
  view.setBigUint64(8, value >> 64n, true);
  return new Uint8Array(view.buffer);
}
