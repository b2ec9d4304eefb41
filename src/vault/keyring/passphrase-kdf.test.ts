import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { argon2idKdf, costCap, costRefusal, normalPassphrase, standardCost } from "#vault/keyring/passphrase-kdf.ts";

const { signal } = new AbortController();

test("derives what the reference implementation of argon2id does", async () => {
  // github.com/P-H-C/phc-winner-argon2, src/test.c
  const cost = { memoryKiB: 256, passes: 2, lanes: 1 };
  const key = await argon2idKdf.derive(new Secret(utf8("password")), utf8("somesalt"), cost, signal);
  assert.equal(hex(key.bytes), "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
});

test("a derivation that is cancelled rejects, before it began and while it runs", async () => {
  const cost = { memoryKiB: 8192, passes: 2, lanes: 1 };
  const salt = new Uint8Array(16);
  await assert.rejects(argon2idKdf.derive(new Secret(utf8("p")), salt, cost, AbortSignal.abort()), {
    code: "CANCELLED",
  });
  const running = new AbortController();
  const derived = argon2idKdf.derive(new Secret(utf8("p")), salt, cost, running.signal);
  running.abort();
  await assert.rejects(derived, { code: "CANCELLED" });
});

test("allows the standard cost and the cap, and nothing above it", () => {
  assert.equal(costRefusal(standardCost), null);
  assert.equal(costRefusal(costCap), null);
  for (const part of ["memoryKiB", "passes", "lanes"] as const) {
    assert.match(costRefusal({ ...standardCost, [part]: costCap[part] + 1 }) ?? "", /it asks for \d+ .+, the most is/);
  }
});

test("a passphrase is the same however its characters were composed", () => {
  const composed = normalPassphrase(new Secret(utf8("Gr\u00fc\u00dfe \ufb01")));
  const decomposed = normalPassphrase(new Secret(utf8("Gru\u0308\u00dfe fi")));
  assert.equal(fromUtf8(composed.bytes), "Gr\u00fc\u00dfe fi");
  assert.deepEqual(composed.bytes, decomposed.bytes);
});

test("an empty passphrase and one that is not UTF-8 are refused", () => {
  assert.throws(() => normalPassphrase(new Secret(new Uint8Array(0))), { code: "ARGUMENT_INVALID" });
  assert.throws(() => normalPassphrase(new Secret(Uint8Array.of(0xff))), { code: "ARGUMENT_INVALID" });
});
