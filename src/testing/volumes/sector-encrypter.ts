import { gatherSector } from "#testing/volumes/elephant-gather.ts";
import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorIvs } from "#volume/cipher/sector-iv.ts";
import { splitKey } from "#volume/cipher/spec-flaw.ts";

/** Encrypts whole sectors in place. @param ivBase  the first sector's number, in the spec's `ivUnitBytes` */
export type SectorEncrypter = Disposable & { encrypt(sectors: Uint8Array, ivBase: bigint): void };

/**
 * The reverse of `openSectorCipher`, which makes volumes for tests and is what they hold the decryption against: block by
 * block, with numbers of 128 bits, where that has tables and passes.
 */
export function openSectorEncrypter(spec: SectorCipherSpec, key: Uint8Array): SectorEncrypter {
  const { data, second } = splitKey(spec, key);
  const ivs = openSectorIvs(spec, key, data);
  const blocks = openBlockCipher(spec.cipher, data);
  const tweaks = spec.mode === "xts" || spec.diffuser ? openBlockCipher(spec.cipher, second) : null;
  const lrwKey = spec.mode === "lrw" ? fromBig(second) : 0n;
  const one = (block: bigint): bigint => fromLittle(blocks.encrypt(toLittle(block)));

  const encryptSector = (sector: Uint8Array, number: bigint): void => {
    if (spec.diffuser && tweaks !== null) gatherSector(sector, number * BigInt(spec.ivUnitBytes), tweaks);
    const iv = ivs.of(number, 1);
    // The XTS tweak or the last ciphertext block, little-endian; the LRW index, big-endian.
    let state = spec.mode === "lrw" ? fromBig(iv) : fromLittle(spec.mode === "xts" ? tweaks!.encrypt(iv) : iv);
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
          const tweak = fromLittle(toLittle(product(lrwKey, state)).reverse());
          block.set(toLittle(one(plain ^ tweak) ^ tweak));
          state = BigInt.asUintN(128, state + 1n);
          break;
        }
      }
    }
  };
  return {
    encrypt: (sectors, ivBase) => {
      for (let at = 0; at < sectors.length; at += spec.sectorBytes) {
        const sector = new Uint8Array(sectors.subarray(at, at + spec.sectorBytes));
        encryptSector(sector, ivBase + BigInt(at / spec.ivUnitBytes));
        sectors.set(sector, at);
      }
    },
    [Symbol.dispose]: () => {
      for (const part of [ivs, blocks, tweaks]) part?.[Symbol.dispose]();
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
