import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { seededRandom } from "#testing/random.ts";
import { afSplit } from "#testing/volumes/af-split.ts";
import { afMerge } from "#volume/luks/anti-forensic.ts";

const hashes = ["sha1", "sha256", "sha512", "ripemd160", "SHA256"];

/** The merge as TKS1 writes it: d(k) = H(d(k-1) xor s(k)), the last stripe unhashed. */
function plainMerge(stripes: readonly Uint8Array[], hash: string): Uint8Array {
  let mixed = new Uint8Array(stripes[0]?.length ?? 0);
  for (const [index, stripe] of stripes.entries()) {
    mixed = mixed.map((byte, i) => byte ^ (stripe[i] ?? 0));
    if (index < stripes.length - 1) mixed = plainDiffuse(mixed, hash);
  }
  return mixed;
}

function plainDiffuse(block: Uint8Array, hash: string): Uint8Array<ArrayBuffer> {
  const size = createHash(hash).digest().length;
  const pieces = [];
  for (let at = 0; at < block.length; at += size) {
    const piece = block.subarray(at, at + size);
    const number = Uint8Array.of(0, 0, 0, at / size);
    pieces.push(createHash(hash).update(number).update(piece).digest().subarray(0, piece.length));
  }
  return new Uint8Array(concat(...pieces));
}

test("merges as the paper says, with pieces shorter than the hash, as long, and longer", () => {
  const random = seededRandom("stripes");
  for (const hash of hashes) {
    for (const keyBytes of [1, 16, 19, 20, 21, 32, 40, 64, 65, 200]) {
      const stripes = Array.from({ length: 7 }, () => random(keyBytes));
      assert.deepEqual(
        afMerge(concat(...stripes), keyBytes, 7, hash),
        plainMerge(stripes, hash),
        `${hash} ${keyBytes}`,
      );
    }
  }
});

test("a key comes back from its stripes, whatever its length, the hash and the number of stripes", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 130 });
  const property = fc.property(
    key,
    fc.integer({ min: 1, max: 20 }),
    fc.constantFrom(...hashes),
    (bytes, stripes, hash) => {
      const material = afSplit(bytes, stripes, hash, seededRandom("split"));
      assert.equal(material.length, bytes.length * stripes);
      assert.deepEqual(afMerge(concat(material, Uint8Array.of(1, 2, 3)), bytes.length, stripes, hash), bytes);
    },
  );
  fc.assert(property);
});

test("a change of any byte of any stripe gives another key", () => {
  const key = seededRandom("key")(32);
  const material = afSplit(key, 5, "sha256", seededRandom("split"));
  for (let at = 0; at < material.length; at++) {
    const changed = material.with(at, (material[at] ?? 0) ^ 1);
    assert.notDeepEqual(afMerge(changed, 32, 5, "sha256"), key, `byte ${at}`);
  }
});

test("leaves the material and the key as they are", () => {
  const key = seededRandom("key")(32);
  const material = afSplit(key, 9, "sha1", seededRandom("split"));
  const before = material.slice();
  const merged = afMerge(material, 32, 9, "sha1");
  assert.deepEqual(material, before);
  assert.deepEqual(key, seededRandom("key")(32));
  assert.deepEqual(merged, key);
});

test("too little material, no stripes and no key are refused", () => {
  const material = new Uint8Array(63);
  assert.throws(() => afMerge(material, 32, 2, "sha256"), { code: "ARGUMENT_INVALID", message: /63 bytes/ });
  assert.throws(() => afMerge(material, 32, 0, "sha256"), { code: "ARGUMENT_INVALID" });
  assert.throws(() => afMerge(material, 0, 2, "sha256"), { code: "ARGUMENT_INVALID" });
});
