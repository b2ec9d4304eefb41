import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { systemRandom } from "#crypto/derive.ts";
import { mistypedGroups, newGeneratedSecret, writeGeneratedSecret } from "#keys/versions/generated-secret.ts";

const secretBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const symbols = "0123456789abcdefghjkmnpqrstvwxyz";

test("a secret is 13 groups of 5 symbols, none of them easily taken for another", () => {
  assert.match(newGeneratedSecret(systemRandom), /^([0-9a-hjkmnp-tv-z]{5}-){12}[0-9a-hjkmnp-tv-z]{5}$/);
});

test("known bytes have a known text, which docs/keys.md shows", () => {
  const counting = Uint8Array.from({ length: 32 }, (_, at) => at);
  assert.equal(
    writeGeneratedSecret(counting),
    "000gt-40r4j-0m30q-e209h-185gg-r38e3-1w815-24gkg-2gahb-c5rr6-34d1m-p70xd-3rfg4",
  );
  assert.equal(
    writeGeneratedSecret(new Uint8Array(32)),
    "00000-00001-00002-00003-00004-00005-00006-00007-00008-00009-0000a-0000b-0000c",
  );
});

test("no two secrets have one text, and all 256 bits count", () => {
  const read = (text: string): bigint =>
    Array.from(text.replaceAll("-", ""))
      .filter((_, at) => at % 5 !== 4)
      .reduce((value, symbol) => value * 32n + BigInt(symbols.indexOf(symbol)), 0n) >> 4n;
  fc.assert(
    fc.property(secretBytes, (bytes) => {
      assert.equal(read(writeGeneratedSecret(bytes)), BigInt(`0x${bytes.toHex()}`));
    }),
  );
});

test("what was written is right, in capitals too, and with letters that look like digits", () => {
  fc.assert(
    fc.property(secretBytes, (bytes) => {
      const text = writeGeneratedSecret(bytes);
      assert.deepEqual(mistypedGroups(text), []);
      assert.deepEqual(mistypedGroups(text.toUpperCase()), []);
      assert.deepEqual(mistypedGroups(text.replaceAll("1", "l").replaceAll("0", "O")), []);
    }),
  );
});

test("every wrong symbol is found, in its group", () => {
  fc.assert(
    fc.property(secretBytes, fc.nat(76), fc.constantFrom(...Array.from(symbols), "u"), (bytes, at, symbol) => {
      const text = writeGeneratedSecret(bytes);
      if (text[at] === "-" || text[at] === symbol) return;
      const wrong = text.slice(0, at) + symbol + text.slice(at + 1);
      assert.deepEqual(mistypedGroups(wrong), [Math.floor(at / 6) + 1]);
    }),
    { numRuns: 1000 },
  );
});

test("any two symbols that changed places are found, in their groups", () => {
  fc.assert(
    fc.property(secretBytes, fc.nat(76), fc.nat(76), (bytes, one, other) => {
      const letters = Array.from(writeGeneratedSecret(bytes));
      const [a, b] = [letters[one] ?? "", letters[other] ?? ""];
      if (a === "-" || b === "-" || a === b) return;
      letters[one] = b;
      letters[other] = a;
      const groups = new Set([one, other].map((at) => Math.floor(at / 6) + 1));
      assert.deepEqual(
        mistypedGroups(letters.join("")),
        [...groups].toSorted((x, y) => x - y),
      );
    }),
    { numRuns: 1000 },
  );
});

test("groups that changed places are found", () => {
  fc.assert(
    fc.property(secretBytes, fc.nat(12), fc.nat(12), (bytes, one, other) => {
      if (one === other) return;
      const groups = writeGeneratedSecret(bytes).split("-");
      const [a, b] = [groups[one] ?? "", groups[other] ?? ""];
      groups[one] = b;
      groups[other] = a;
      const wrong = [one + 1, other + 1].toSorted((x, y) => x - y);
      assert.deepEqual(mistypedGroups(groups.join("-")), wrong);
    }),
  );
});

test("text of another form is none", () => {
  const text = newGeneratedSecret(systemRandom);
  for (const other of [
    "",
    text.slice(1),
    `${text}0`,
    text.replaceAll("-", ""),
    text.replaceAll("-", " "),
    `${text}\n`,
  ]) {
    assert.equal(mistypedGroups(other), null, JSON.stringify(other));
  }
});
