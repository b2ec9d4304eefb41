import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";

import type { InputOf, RouteName } from "#api/routes.ts";
import { systemRandom } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { KeyStore } from "#keys/key-store.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { answer } from "#server/answer.ts";

const { signal } = new AbortController();
const PAGE_BYTES = 4096;

/** What is asked of each damaged key store, by the custodian. */
const asked: readonly (readonly [RouteName, object])[] = [
  ["key.list", {}],
  ["key.show", { name: "web01" }],
  ["key.find", { wanted: "web01" }],
  ["version.needs", { version: "web01/v1" }],
  ["identity.list", {}],
  ["vault.list", {}],
  ["copy.list", {}],
  ["rollover.list", {}],
  ["audit.list", { last: 100 }],
  ["audit.check", { receipts: [] }],
  ["store.show", {}],
  ["key.hold", { version: "web01/v1", reason: "a tape", expectedUntil: null }],
];

type Written = { readonly path: string; readonly bytes: Uint8Array; readonly token: string };

/** The file of a key store with a few keys, as it was. */
async function written(t: TestContext): Promise<Written> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-damaged-"));
  t.after(() => rmSync(folder, { recursive: true }));
  using keys = await testKeySide();
  for (let n = 0; n < 5; n++) {
    const given = {
      name: "web01",
      kind: "passphrase",
      value: null,
      note: "x".repeat(900),
      activatesAt: null,
      expiresAt: null,
    };
    await keys.as("custodian", "key.add", given as InputOf<"key.add">);
  }
  const path = join(folder, "keys.db");
  keys.side.store.db.prepare("VACUUM INTO ?").run(path);
  return { path, bytes: readFileSync(path), token: keys.tokens.custodian };
}

/** What comes of asking a key store whose file was damaged: codes, and what was no LockstepError. */
async function outcomes({ path, token }: Written): Promise<string[]> {
  const found: string[] = [];
  const note = (error: unknown): void =>
    void found.push(isLockstepError(error) ? error.code : `a bug: ${String(error)}`);
  try {
    const now = () => Temporal.Instant.from("2026-01-01T00:01Z");
    using store = KeyStore.open(path, { now, steadyMs: () => 0, random: systemRandom, kdf: { derive: deriveKey } });
    using keys = await testKeySide();
    for (const [name, input] of asked) {
      const side = { ...keys.side, store };
      await answer(side, name, { token, input }, signal).catch(note);
    }
  } catch (error) {
    note(error);
  }
  return found;
}

test("whichever page of the database is overwritten, what cannot be answered is said to be damaged", async (t) => {
  const whole = await written(t);
  assert.deepEqual(await outcomes(whole), []);
  let damaged = 0;
  for (let at = 0; at < whole.bytes.length; at += PAGE_BYTES) {
    writeFileSync(whole.path, whole.bytes.slice().fill(0xa5, at, at + PAGE_BYTES));
    const found = await outcomes(whole);
    assert.deepEqual(
      found.filter((each) => each.startsWith("a bug")),
      [],
      `page ${at / PAGE_BYTES + 1}`,
    );
    if (found.includes("KEY_STORE_CORRUPT")) damaged++;
  }
  assert.ok(damaged > 5, String(damaged));
});

test("a table that was changed from without is noticed when the database is opened", async (t) => {
  const whole = await written(t);
  const db = new DatabaseSync(whole.path);
  db.exec("ALTER TABLE holds ADD COLUMN of TEXT");
  db.close();
  assert.deepEqual(await outcomes(whole), ["KEY_STORE_CORRUPT"]);
});

for (const [what, text, at] of [
  ["what opens the store", '{"by":"argon2id"', 6],
  ["the text of a table", "versions (id),\n  why TEXT", 0],
] as const) {
  test(`a bit that flipped in ${what} is said to be damage, and no bug`, async (t) => {
    const whole = await written(t);
    const place = Buffer.from(whole.bytes).indexOf(text) + at;
    assert.ok(place > at);
    writeFileSync(whole.path, whole.bytes.with(place, (whole.bytes[place] ?? 0) ^ 4));
    const found = await outcomes(whole);
    assert.ok(found.length > 0);
    assert.deepEqual(new Set(found), new Set(["KEY_STORE_CORRUPT"]));
  });
}
