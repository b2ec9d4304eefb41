import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { MappedContent, MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();

const xts: SectorCipherSpec = {
  cipher: "aes",
  mode: "xts",
  iv: { kind: "plain64" },
  keyBytes: 64,
  sectorBytes: 512,
  ivUnitBytes: 512,
  diffuser: false,
};
const cbc: SectorCipherSpec = { ...xts, mode: "cbc", keyBytes: 32, sectorBytes: 4096 };
const keys = [xts, cbc].map(({ keyBytes }, number) => expand(`key ${number}`, keyBytes));
const secrets = (): Secret[] => keys.map((key) => new Secret(new Uint8Array(key)));

/** Bytes that differ from place to place. */
function expand(seed: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(seed).digest();
}

/** OpenSSL's cipher for one sector: the reverse of what is tested, written apart from it. */
function encryptSector(sector: Uint8Array, cipher: number, number: bigint): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeBigUInt64LE(number);
  const made = createCipheriv(cipher === 0 ? "aes-256-xts" : "aes-256-cbc", keys[cipher] ?? "", iv).setAutoPadding(
    false,
  );
  return Buffer.concat([made.update(sector), made.final()]);
}

/** A source and what its plaintext must be, made sector by sector. */
type Made = { readonly source: Uint8Array; readonly plain: Buffer; readonly mapping: Mapping };

type Part = { readonly kind: "zeros" | "plain" | 0 | 1; readonly sectors: number; readonly ivSectors: bigint };

/** Lays the parts out in the source in another order than in the volume, with other bytes between them. */
function make(parts: readonly Part[]): Made {
  const total = parts.reduce((sum, { sectors }) => sum + sectors * 4096, 0);
  const plain = expand("plain", total);
  const source = expand("source", total + parts.length * 512);
  const stretches: MappedStretch[] = [];
  let offsetBytes = 0;
  let behind = source.length;
  for (const { kind, sectors, ivSectors } of parts) {
    const lengthBytes = sectors * 4096;
    const sourceOffsetBytes = (behind -= lengthBytes + 512);
    const there = plain.subarray(offsetBytes, offsetBytes + lengthBytes);
    let content: MappedContent = { kind: "zeros" };
    if (kind === "zeros") there.fill(0);
    else if (kind === "plain") {
      content = { kind, sourceOffsetBytes };
      source.set(there, sourceOffsetBytes);
    } else {
      content = { kind: "encrypted", sourceOffsetBytes, ivOffsetBytes: ivSectors * 512n, cipher: kind };
      const sectorBytes = kind === 0 ? 512 : 4096;
      for (let at = 0; at < lengthBytes; at += sectorBytes) {
        const number = ivSectors + BigInt(at / 512);
        source.set(encryptSector(there.subarray(at, at + sectorBytes), kind, number), sourceOffsetBytes + at);
      }
    }
    stretches.push({ offsetBytes, lengthBytes, content });
    offsetBytes += lengthBytes;
  }
  return { source, plain, mapping: { sizeBytes: total, ciphers: [xts, cbc], stretches } };
}

const part: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom<Part["kind"][]>("zeros", "plain", 0, 1),
  sectors: fc.integer({ min: 1, max: 4 }),
  ivSectors: fc.bigInt({ min: 0n, max: 2n ** 48n }),
});

test("any bytes of the volume are what decrypting sector by sector gives", async () => {
  const reads = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 8 });
  const property = fc.asyncProperty(fc.array(part, { maxLength: 6 }), reads, async (parts, wanted) => {
    const { source, plain, mapping } = make(parts);
    using volume = openPlainVolume(memorySource(source), mapping, secrets());
    assert.equal(volume.sizeBytes, plain.length);
    for (const [a, b] of [...wanted, [0, plain.length] as const]) {
      const offset = a % (plain.length + 1);
      const length = b % (plain.length - offset + 1);
      const read = await volume.read(offset, length, signal);
      assert.ok(plain.subarray(offset, offset + length).equals(read), `${length} bytes at ${offset}`);
    }
  });
  await fc.assert(property, { numRuns: 50 });
});

test("a read that is longer than what is decrypted at once is whole", async () => {
  const { source, plain, mapping } = make([{ kind: 1, sectors: 2300, ivSectors: 7n }]);
  const askedFor: number[] = [];
  const inner = memorySource(source);
  const noted = {
    ...inner,
    read: async (offset: number, length: number) => {
      askedFor.push(length);
      return inner.read(offset, length, signal);
    },
  };
  using volume = openPlainVolume(noted, mapping, secrets());
  assert.ok(plain.subarray(3, plain.length - 3).equals(await volume.read(3, plain.length - 6, signal)));
  assert.ok(askedFor.length > 1 && Math.max(...askedFor) <= 4 * 1024 * 1024 + 2 * 4096);
});

test("what lies outside the volume is refused, and the source is not asked", async () => {
  const { source, mapping } = make([{ kind: 0, sectors: 1, ivSectors: 0n }]);
  using volume = openPlainVolume(memorySource(source), mapping, secrets());
  for (const [offset, length] of [
    [-1, 1],
    [0, 4097],
    [4096, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, 2 ** 53],
  ] as const) {
    await assert.rejects(volume.read(offset, length, signal), { code: "ARGUMENT_INVALID", message: /4096 bytes$/ });
  }
  assert.equal((await volume.read(4096, 0, signal)).length, 0);
});

test("a mapping or keys that do not fit are refused when it is opened", () => {
  const { source, mapping } = make([{ kind: 0, sectors: 1, ivSectors: 0n }]);
  const wrong = { code: "ARGUMENT_INVALID" };
  assert.throws(() => openPlainVolume(memorySource(source.subarray(1024)), mapping, secrets()), wrong);
  assert.throws(() => openPlainVolume(memorySource(source), { ...mapping, sizeBytes: 1 }, secrets()), wrong);
  assert.throws(() => openPlainVolume(memorySource(source), mapping, secrets().slice(1)), wrong);
});

test("reads stop when cancelled, and nothing is decrypted once it is closed", async () => {
  const { source, mapping } = make([{ kind: 0, sectors: 1, ivSectors: 0n }]);
  const volume = openPlainVolume(memorySource(source), mapping, secrets());
  await assert.rejects(volume.read(0, 512, AbortSignal.abort()), { code: "CANCELLED" });
  const reading = volume.read(0, 512, signal);
  volume[Symbol.dispose]();
  await assert.rejects(reading, { code: "ARGUMENT_INVALID", message: /wiped/ });
});

test("says the sector size of the device and the ciphers together, and nothing where the device does not", () => {
  const { source, mapping } = make([]);
  const sectorBytes = (device: number | null): number | null =>
    openPlainVolume(memorySource(source, device), mapping, secrets()).sectorBytes;
  assert.deepEqual([null, 512, 4096].map(sectorBytes), [null, 4096, 4096]);
  const small = { ...mapping, ciphers: [xts] };
  assert.equal(openPlainVolume(memorySource(source, 512), small, secrets().slice(0, 1)).sectorBytes, 512);
});

test("its own keys survive the wiping of those that were given", async () => {
  const { source, plain, mapping } = make([{ kind: 1, sectors: 1, ivSectors: 1n }]);
  const given = secrets();
  using volume = openPlainVolume(memorySource(source), mapping, given);
  for (const key of given) key.wipe();
  assert.ok(plain.equals(await volume.read(0, 4096, signal)));
});

test("a sector that is all zeros as it is stored reads as zeros where that is asked for, and no other does", async () => {
  const { source, plain, mapping } = make([
    { kind: 0, sectors: 2, ivSectors: 5n },
    { kind: 1, sectors: 3, ivSectors: 9n },
  ]);
  const blanks = [1024, 8192 + 4096].map((at) => {
    const stretch = mapping.stretches[at < 8192 ? 0 : 1];
    if (stretch?.content.kind !== "encrypted") throw new Error("both are");
    const length = mapping.ciphers[stretch.content.cipher]?.sectorBytes ?? 0;
    const from = stretch.content.sourceOffsetBytes + at - stretch.offsetBytes;
    source.fill(0, from, from + length);
    return [at, length] as const;
  });
  using decrypted = openPlainVolume(memorySource(source), mapping, secrets());
  const random = await decrypted.read(0, plain.length, signal);
  for (const [at, length] of blanks) {
    assert.notDeepEqual(random.subarray(at, at + length), new Uint8Array(length));
    plain.fill(0, at, at + length);
  }
  using zeroed = openPlainVolume(memorySource(source), mapping, secrets(), "zeros");
  assert.deepEqual(Buffer.from(await zeroed.read(0, plain.length, signal)), plain);
  assert.deepEqual(await zeroed.read(1100, 10, signal), new Uint8Array(10));
});
