import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { alignedBuffer, concat } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { decrypted, encrypted, little128, patternBytes } from "#testing/disks/whole-sectors.ts";
import { isHashKnown } from "#volume/cipher/hash.ts";
import type { BlockCipher, CipherMode, IvMode, SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";

const aesXts: SectorCipherSpec = {
  cipher: "aes",
  mode: "xts",
  iv: { kind: "plain64" },
  keyBytes: 64,
  sectorBytes: 512,
  ivUnitBytes: 512,
  diffuser: false,
};
const aesCbc: SectorCipherSpec = { ...aesXts, mode: "cbc", keyBytes: 32 };
const elephant: SectorCipherSpec = {
  ...aesXts,
  mode: "cbc",
  iv: { kind: "bitlocker" },
  keyBytes: 64,
  diffuser: true,
};

function ecb(key: Uint8Array, block: Uint8Array): Uint8Array {
  return createCipheriv(`aes-${key.length * 8}-ecb`, key, null)
    .setAutoPadding(false)
    .update(block);
}

/** A sector's initial vector from its number, straight from dm-crypt's description and Ferguson's paper. */
const vectors: Record<IvMode["kind"], (number: bigint, key: Uint8Array, unit: number) => Uint8Array> = {
  null: () => little128(0n),
  plain: (number) => little128(number % 2n ** 32n),
  plain64: (number) => little128(number % 2n ** 64n),
  plain64be: (number) => little128(number % 2n ** 64n).reverse(),
  benbi: (number) => little128((number * 32n + 1n) % 2n ** 64n).reverse(),
  essiv: (number, key) => ecb(createHash("sha256").update(key).digest(), little128(number % 2n ** 64n)),
  bitlocker: (number, key, unit) => ecb(key, little128((number * BigInt(unit)) % 2n ** 64n)),
};

/** Encrypts sector by sector with an OpenSSL object for each: the twin that knows nothing of passes and tables. */
function bySectors(spec: SectorCipherSpec, key: Uint8Array, plain: Uint8Array, ivBase: bigint): Uint8Array {
  const bits = (spec.mode === "xts" ? key.length / 2 : key.length) * 8;
  const name = `${spec.cipher === "sm4" ? "sm4" : `${spec.cipher}-${bits}`}-${spec.mode}`;
  const sectors: Uint8Array[] = [];
  for (let at = 0; at < plain.length; at += spec.sectorBytes) {
    const number = ivBase + BigInt(at / spec.ivUnitBytes);
    const iv = vectors[spec.iv.kind](number, key, spec.ivUnitBytes);
    const object = createCipheriv(name, key, spec.mode === "ecb" ? null : iv).setAutoPadding(false);
    sectors.push(object.update(plain.subarray(at, at + spec.sectorBytes)));
  }
  return concat(...sectors);
}

const numbers = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 31n, 2n ** 32n - 3n, 2n ** 59n - 2n, 2n ** 64n - 3n),
);
const sectorSizes = fc.constantFrom(512, 1024, 2048, 4096);

function keyOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

test("every initial vector, sector size and wrap is what one OpenSSL object a sector gives", () => {
  const kinds = Object.keys(vectors) as IvMode["kind"][];
  const specs = fc
    .tuple(
      fc.constantFrom<CipherMode>("cbc", "xts", "ecb"),
      fc.constantFrom(...kinds),
      fc.constantFrom(16, 32),
      sectorSizes,
      fc.boolean(),
    )
    .filter(([mode, kind]) => kind !== "bitlocker" || mode === "cbc")
    .map(([mode, kind, half, sectorBytes, counts512]): SectorCipherSpec => ({
      ...aesXts,
      mode,
      iv: kind === "essiv" ? { kind, hash: "sha256" } : { kind },
      keyBytes: mode === "xts" ? 2 * half : half,
      sectorBytes,
      ivUnitBytes: counts512 ? 512 : sectorBytes,
    }));
  const same = (spec: SectorCipherSpec, number: bigint, seed: number): void => {
    const key = patternBytes(spec.keyBytes, (seed % 100) * 2 + 1);
    const plain = patternBytes(spec.sectorBytes * 3, 31);
    const expected = bySectors(spec, key, plain, number);
    assert.equal(hex(encrypted(spec, key, plain, number)), hex(expected));
    assert.equal(hex(decrypted(spec, key, expected, number)), hex(plain));
  };
  fc.assert(fc.property(specs, numbers, fc.nat(), same), { numRuns: 120 });
});

test("camellia, aria and sm4 in CBC are what one OpenSSL object a sector gives", () => {
  for (const [cipher, keyBytes] of [
    ["camellia", 16],
    ["camellia", 24],
    ["aria", 16],
    ["aria", 24],
    ["aria", 32],
    ["sm4", 16],
  ] as const) {
    const spec: SectorCipherSpec = { ...aesCbc, cipher, keyBytes };
    const sealed = bySectors(spec, patternBytes(keyBytes), patternBytes(1536, 3), 5n);
    assert.equal(
      hex(decrypted(spec, patternBytes(keyBytes), sealed, 5n)),
      hex(patternBytes(1536, 3)),
      `${cipher} ${keyBytes}`,
    );
  }
});

const everySpec: fc.Arbitrary<SectorCipherSpec> = fc
  .tuple(
    fc.constantFrom<BlockCipher>("aes", "camellia", "serpent", "twofish", "aria", "sm4"),
    fc.constantFrom<CipherMode | "elephant">("xts", "cbc", "lrw", "ecb", "elephant"),
    fc.constantFrom<IvMode>(
      { kind: "plain" },
      { kind: "plain64" },
      { kind: "plain64be" },
      { kind: "benbi" },
      { kind: "null" },
      { kind: "essiv", hash: "md5" },
    ),
    fc.constantFrom(16, 24, 32),
    sectorSizes,
  )
  .map(([cipher, mode, iv, wanted, sectorBytes]) => {
    const size = cipher === "sm4" ? 16 : wanted;
    if (mode === "elephant") return { ...elephant, cipher, keyBytes: 2 * size, sectorBytes, ivUnitBytes: sectorBytes };
    const keyBytes = mode === "xts" ? 2 * size : mode === "lrw" ? size + 16 : size;
    return { ...aesXts, cipher, mode, iv, keyBytes, sectorBytes };
  });

test("decryption undoes encryption, whatever the cipher, mode, initial vector and key", () => {
  const input = everySpec.chain((spec) => fc.tuple(fc.constant(spec), keyOf(spec.keyBytes), numbers, fc.nat(255)));
  const undoes = ([spec, key, number, seed]: [SectorCipherSpec, Uint8Array, bigint, number]): void => {
    const plain = patternBytes(2 * spec.sectorBytes, seed);
    const sealed = encrypted(spec, key, plain, number);
    assert.notEqual(hex(sealed), hex(plain));
    assert.equal(hex(decrypted(spec, key, sealed, number)), hex(plain));
  };
  fc.assert(fc.property(input, undoes), { numRuns: 60 });
});

test("one call gives what a call a sector gives, across the pieces that a call is cut into", () => {
  // 64 KiB and more, from a number that wraps on the way.
  const sealed = patternBytes(72 * 1024, 11);
  for (const spec of [aesXts, aesCbc, elephant, { ...aesCbc, iv: { kind: "essiv", hash: "sha256" } } as const]) {
    for (const sectorBytes of [512, 4096]) {
      const sized = { ...spec, sectorBytes };
      const base = 2n ** 64n - 130n;
      const each: Uint8Array[] = [];
      for (let at = 0; at < sealed.length; at += sectorBytes) {
        const number = base + BigInt(at / 512);
        each.push(decrypted(sized, patternBytes(spec.keyBytes), sealed.subarray(at, at + sectorBytes), number));
      }
      const all = decrypted(sized, patternBytes(spec.keyBytes), sealed, base);
      assert.ok(Buffer.compare(all, concat(...each)) === 0, `${spec.mode} ${spec.iv.kind} ${sectorBytes}`);
    }
  }
});

test("one cipher serves for call after call, in any order", () => {
  for (const spec of [aesXts, aesCbc, elephant]) {
    using cipher = openSectorCipher(spec, patternBytes(spec.keyBytes));
    const [first, second] = [patternBytes(1024, 3), patternBytes(512, 5)];
    const alone = [first, second].map((sectors, at) =>
      decrypted(spec, patternBytes(spec.keyBytes), sectors, BigInt(at)),
    );
    for (const at of [1, 0, 1, 1, 0] as const) {
      const copy = new Uint8Array([first, second][at]!);
      cipher.decrypt(copy, BigInt(at));
      assert.equal(hex(copy), hex(alone[at]!));
    }
  }
});

test("where the sectors lie in memory makes no difference, shared memory and Buffers included", () => {
  for (const spec of [aesXts, aesCbc, elephant, { ...aesXts, mode: "lrw", keyBytes: 48 } as const]) {
    const key = patternBytes(spec.keyBytes);
    const sealed = patternBytes(1024, 13);
    const expected = hex(decrypted(spec, key, sealed, 9n));
    using cipher = openSectorCipher(spec, key);
    const places = [
      Buffer.alloc(1024),
      new Uint8Array(2048).subarray(1, 1025),
      new Uint8Array(2048).subarray(4, 1028),
      alignedBuffer(4096).subarray(512, 1536),
      alignedBuffer(4096).subarray(3, 1027),
    ];
    for (const place of places) {
      place.set(sealed);
      cipher.decrypt(place, 9n);
      assert.equal(hex(new Uint8Array(place)), expected, spec.mode);
    }
  }
});

test("bytes beside the sectors are not touched", () => {
  for (const spec of [aesXts, aesCbc, elephant]) {
    const around = new Uint8Array(1536).fill(0xee);
    using cipher = openSectorCipher(spec, patternBytes(spec.keyBytes));
    cipher.decrypt(around.subarray(512, 1024), 0n);
    const beside = [...around.subarray(0, 512), ...around.subarray(1024)];
    assert.ok(beside.every((byte) => byte === 0xee));
  }
});

test("no sectors are nothing to do", () => {
  using cipher = openSectorCipher(aesXts, patternBytes(64));
  cipher.decrypt(new Uint8Array(), 0n);
});

test("equal halves of an XTS key are read, as dm-crypt reads them", () => {
  const key = new Uint8Array(64).fill(3);
  const sealed = encrypted(aesXts, key, patternBytes(512), 1n);
  assert.deepEqual(decrypted(aesXts, key, sealed, 1n), patternBytes(512));
});

test("the key that was given is not changed, even where it is a Buffer", () => {
  for (const spec of [aesXts, aesCbc, elephant, { ...aesXts, mode: "lrw", keyBytes: 48 } as const]) {
    const key = Buffer.from(patternBytes(spec.keyBytes));
    const cipher = openSectorCipher(spec, key);
    cipher.decrypt(new Uint8Array(512), 0n);
    cipher[Symbol.dispose]();
    assert.deepEqual(new Uint8Array(key), patternBytes(spec.keyBytes));
  }
});

test("a cipher is of no use after disposal", () => {
  const wiped = { code: "ARGUMENT_INVALID", message: "sectors: the cipher's key was wiped" };
  for (const spec of [
    aesXts,
    aesCbc,
    elephant,
    { ...aesXts, cipher: "serpent" },
    { ...aesCbc, cipher: "twofish" },
    { ...aesXts, mode: "lrw", keyBytes: 48 },
    { ...aesCbc, mode: "ecb" },
  ] as const) {
    const opened = openSectorCipher(spec, patternBytes(spec.keyBytes));
    opened[Symbol.dispose]();
    opened[Symbol.dispose]();
    assert.throws(() => opened.decrypt(new Uint8Array(512), 0n), wiped);
  }
});

test("a key of another length, or a part of a sector, is the caller's mistake", () => {
  const wrongKey = { code: "ARGUMENT_INVALID", message: "volume key: 64 bytes are needed, 63 given" };
  assert.throws(() => openSectorCipher(aesXts, patternBytes(63)), wrongKey);
  using cipher = openSectorCipher(aesXts, patternBytes(64));
  const wrongData = { code: "ARGUMENT_INVALID", message: "sectors: 513 bytes are not whole sectors of 512" };
  assert.throws(() => cipher.decrypt(new Uint8Array(513), 0n), wrongData);
});

test("a spec that nothing can be read by is refused with the reason, before the key is looked at", () => {
  const refused: readonly (readonly [Partial<SectorCipherSpec>, RegExp])[] = [
    [{ sectorBytes: 0 }, /sectors of 0 bytes/],
    [{ sectorBytes: 513 }, /sectors of 513 bytes/],
    [{ sectorBytes: 8192 }, /sectors of 8192 bytes/],
    [{ ivUnitBytes: 1024 }, /count 1024 bytes/],
    [{ ivUnitBytes: 0 }, /count 0 bytes/],
    [{ keyBytes: 63 }, /504 bits/],
    [{ keyBytes: 40 }, /320 bits is not possible for aes-xts/],
    [{ keyBytes: 0 }, /0 bits/],
    [{ cipher: "sm4" }, /512 bits is not possible for sm4-xts/],
    [{ mode: "lrw" }, /512 bits is not possible for aes-lrw/],
    [{ mode: "cbc" }, /512 bits is not possible for aes-cbc/],
    [{ iv: { kind: "essiv", hash: "tiger" } }, /hash tiger of essiv is not known/],
    [{ iv: { kind: "essiv", hash: "SHA1" } }, /essiv:sha1 gives no key that aes can use/],
    [{ iv: { kind: "bitlocker" } }, /do not go with xts/],
    [{ mode: "cbc", keyBytes: 64, diffuser: true }, /Elephant diffuser does not go/],
  ];
  for (const [change, message] of refused) {
    assert.throws(() => openSectorCipher({ ...aesXts, ...change }, patternBytes(1)), {
      code: "VOLUME_UNSUPPORTED",
      message,
    });
  }
});

test("MD5 is a hash for ESSIV only", () => {
  const spec: SectorCipherSpec = { ...aesCbc, iv: { kind: "essiv", hash: "md5" } };
  const iv = ecb(createHash("md5").update(patternBytes(32)).digest(), little128(7n));
  const expected = createCipheriv("aes-256-cbc", patternBytes(32), iv).setAutoPadding(false).update(patternBytes(512));
  assert.equal(hex(encrypted(spec, patternBytes(32), patternBytes(512), 7n)), hex(expected));
  assert.equal(isHashKnown("md5"), false);
});
