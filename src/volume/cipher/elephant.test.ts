import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { decrypted, encrypted, little128, patternBytes } from "#testing/disks/whole-sectors.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";

const elephant: SectorCipherSpec = {
  cipher: "aes",
  mode: "cbc",
  iv: { kind: "bitlocker" },
  keyBytes: 64,
  sectorBytes: 512,
  ivUnitBytes: 512,
  diffuser: true,
};

function ecb(key: Uint8Array, block: Uint8Array): Uint8Array {
  return createCipheriv(`aes-${key.length * 8}-ecb`, key, null)
    .setAutoPadding(false)
    .update(block);
}

test("one bit of plaintext changes half of all bits of a sector, and of no other", () => {
  const plain = patternBytes(1024);
  const sealed = encrypted(elephant, patternBytes(64), plain, 0n);
  const other = encrypted(elephant, patternBytes(64), plain.with(511, plain[511]! ^ 1), 0n);
  const changed = Array.from(sealed, (byte, at) => (byte === other[at] ? 0 : 1));
  assert.ok(changed.slice(0, 512).filter((one) => one === 1).length > 480);
  assert.ok(changed.slice(512).every((one) => one === 0));
});

test("bit for bit what the paper's loops give", () => {
  const key = patternBytes(32);
  const spec: SectorCipherSpec = { ...elephant, keyBytes: 32 };
  const sealed = patternBytes(1024, 29);
  const expected: number[] = [];
  for (const sector of [0, 1]) {
    const offset = little128(BigInt((sector + 6) * 512));
    const chain = { ...elephant, keyBytes: 16, diffuser: false } as const;
    const half = sealed.subarray(sector * 512, sector * 512 + 512);
    const view = new DataView(decrypted(chain, key.subarray(0, 16), half, BigInt(sector + 6)).buffer);
    const d = Array.from({ length: 128 }, (_, at) => view.getUint32(4 * at, true));
    const rotate = (word: number, bits: number): number => ((word << bits) | (word >>> ((32 - bits) % 32))) >>> 0;
    const xor = (a: number, b: number): number => (a ^ b) >>> 0;
    for (let i = 0; i < 3 * 128; i++) {
      const turned = rotate(d[(i + 5) % 128]!, [0, 10, 0, 25][i % 4]!);
      d[i % 128] = (d[i % 128]! + xor(d[(i + 2) % 128]!, turned)) % 2 ** 32;
    }
    for (let i = 0; i < 5 * 128; i++) {
      const turned = rotate(d[(i + 123) % 128]!, [9, 0, 13, 0][i % 4]!);
      d[i % 128] = (d[i % 128]! + xor(d[(i + 126) % 128]!, turned)) % 2 ** 32;
    }
    const sectorKey = concat(ecb(key.subarray(16), offset), ecb(key.subarray(16), offset.with(15, 128)));
    const plain = d.flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
    expected.push(...plain.map((byte, at) => byte ^ sectorKey[at % 32]!));
  }
  assert.equal(hex(decrypted(spec, key, sealed, 6n)), hex(Uint8Array.from(expected)));
});
