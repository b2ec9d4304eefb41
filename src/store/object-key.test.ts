import assert from "node:assert/strict";
import { test } from "node:test";

import { checkKey, foldersOf, keyFault } from "#store/object-key.ts";

test("keys of names and slashes are taken, up to 512 bytes", () => {
  for (const key of [
    "a",
    "vault.json",
    "machines/0f/log/00000001",
    "a-b_c.d/-/_",
    `${"x".repeat(255)}/${"y".repeat(254)}/z`,
  ]) {
    assert.equal(keyFault(key), null, key);
  }
});

test("any other key is refused, and the message says why", () => {
  for (const [key, why] of [
    ["", "it is empty"],
    ["a//b", "a name in it is empty"],
    ["a/", "a name in it is empty"],
    ["a/../b", 'the name ".." starts with a dot'],
    [".tmp/x", 'the name ".tmp" starts with a dot'],
    ["a/B", 'the name "B" has a character other than'],
    ["a\nb", "has a character other than"],
    ["x".repeat(256), "is longer than 255 bytes"],
    ["x/".repeat(256) + "x", "it is longer than 512 bytes"],
  ] as const) {
    assert.throws(
      () => checkKey(key),
      (error: Error & { code: string }) => error.code === "ARGUMENT_INVALID" && error.message.includes(why),
      key,
    );
  }
});

test("the folders of a key come outermost first", () => {
  assert.deepEqual(foldersOf("a/b/c"), ["a", "a/b"]);
  assert.deepEqual(foldersOf("a"), []);
});
