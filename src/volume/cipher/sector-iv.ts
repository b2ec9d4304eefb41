import { createHash } from "node:crypto";

import { LockstepError } from "#errors/errors.ts";
import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { KeyedBlocks } from "#volume/cipher/block-cipher.ts";
import { digest, isHashKnown } from "#volume/cipher/hash.ts";
import { essivKeyBytes } from "#volume/cipher/key-size.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { swapBytes, wordsOf } from "#volume/cipher/words.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** Makes the initial vectors of sectors. */
export interface SectorIvs extends Disposable {
  /**
   * @param first  number of the first sector, in the spec's `ivUnitBytes`; taken modulo 2^64, as the kernel's 64 bits wrap
   * @returns      16 bytes for each of `count` sectors, a new array that starts on a word
   */
  of(first: bigint, count: number): Uint8Array;
}

/**
 * Sets up a spec's initial vectors, which are numbers in a row, and then encrypted for some.
 *
 * @param key      the whole volume key, which ESSIV hashes
 * @param dataKey  the part of it that encrypts the data, which BitLocker's CBC uses for the vectors too
 * @throws {LockstepError} VOLUME_UNSUPPORTED: the ESSIV hash is not known, or no key of its length is possible
 * @see Linux drivers/md/dm-crypt.c, the comment on IV generation; Ferguson, "AES-CBC + Elephant diffuser" (2006), section 4
 */
export function openSectorIvs(spec: SectorCipherSpec, key: Uint8Array, dataKey: Uint8Array): SectorIvs {
  const { iv, cipher, sectorBytes, ivUnitBytes } = spec;
  const step = sectorBytes / ivUnitBytes;
  switch (iv.kind) {
    case "null":
      return numberedIvs({ layout: "zero", scale: 1n, offset: 0n, step, blocks: null });
    case "plain":
      return numberedIvs({ layout: "little32", scale: 1n, offset: 0n, step, blocks: null });
    case "plain64":
      return numberedIvs({ layout: "little64", scale: 1n, offset: 0n, step, blocks: null });
    case "plain64be":
      return numberedIvs({ layout: "big64", scale: 1n, offset: 0n, step, blocks: null });
    case "benbi":
      // The number of the sector's first block, counted from 1.
      return numberedIvs({ layout: "big64", scale: 512n / 16n, offset: 1n, step, blocks: null });
    case "bitlocker": {
      const blocks = openBlockCipher(cipher, dataKey);
      return numberedIvs({ layout: "little64", scale: BigInt(ivUnitBytes), offset: 0n, step, blocks });
    }
    case "essiv": {
      const hashed = essivKey(iv.hash, key);
      const blocks = openBlockCipher(cipher, hashed);
      hashed.fill(0);
      return numberedIvs({ layout: "little64", scale: 1n, offset: 0n, step, blocks });
    }
  }
}

function essivKey(hash: string, key: Uint8Array): Uint8Array {
  if (essivKeyBytes(hash) === null) {
    throw new LockstepError("VOLUME_UNSUPPORTED", `ESSIV hash ${visibleText(hash.slice(0, 100))} is not known here`);
  }
  return isHashKnown(hash) ? digest(hash, key) : createHash("md5").update(key).digest();
}

type Numbering = {
  readonly layout: "zero" | "little32" | "little64" | "big64";
  /** A sector number times `scale` plus `offset` is what is laid out; all modulo 2^64. */
  readonly scale: bigint;
  readonly offset: bigint;
  /** From one sector's number to the next one's. */
  readonly step: number;
  /** Encrypts the numbers; null: they are used as they are. */
  readonly blocks: KeyedBlocks | null;
};

function numberedIvs({ layout, scale, offset, step, blocks }: Numbering): SectorIvs {
  const numbersStep = step * Number(scale);
  return {
    of: (first, count) => {
      const ivs = new Uint8Array(count * BLOCK_BYTES);
      const start = BigInt.asUintN(64, first * scale + offset);
      if (layout !== "zero") layOut(wordsOf(ivs), layout, start, numbersStep);
      return blocks === null ? ivs : blocks.encrypt(ivs);
    },
    [Symbol.dispose]: () => blocks?.[Symbol.dispose](),
  };
}

function layOut(words: Int32Array, layout: Exclude<Numbering["layout"], "zero">, start: bigint, step: number): void {
  let low = Number(start & 0xffff_ffffn);
  let high = Number(start >> 32n);
  for (let at = 0; at < words.length; at += 4) {
    if (layout === "big64") {
      words[at + 2] = swapBytes(high);
      words[at + 3] = swapBytes(low);
    } else {
      words[at] = low;
      if (layout === "little64") words[at + 1] = high;
    }
    low += step;
    if (low > 0xffff_ffff) {
      low -= 2 ** 32;
      high += 1; // past 2^32 the words above keep its low bits
    }
  }
}
