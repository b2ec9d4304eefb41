import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { isLockstepError } from "#errors/errors.ts";
import { saveBinding } from "#keys/bindings/bindings.ts";
import { RefusalBudget } from "#keys/access/refusal-budget.ts";
import { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import { findVersion } from "#keys/versions/versions.ts";
import { answer } from "#server/answer.ts";
import { addPassphrase, testKeySide, testSealPassphrase } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { digestOf, idOf, worldVolume } from "#testing/keys/needs-world.ts";
import { enrolSomeVault, someVault } from "#testing/keys/presented-volume.ts";
import { someBinding } from "#testing/keys/some-binding.ts";

const { signal } = new AbortController();

type Written = { readonly keys: TestKeySide; readonly path: string; readonly bytes: Uint8Array };

/** The file of a key store with a version that nothing but a recovery point needs. */
async function written(t: TestContext): Promise<Written> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-damaged-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const keys = await testKeySide();
  t.after(() => keys[Symbol.dispose]());
  const { store } = keys.side;
  enrolSomeVault(keys);
  await addPassphrase(keys, "web01", "secret");
  const version = findVersion(store, "web01/v1").id;
  inTransaction(store.db, () => saveBinding(store, someBinding({ version })));
  store.db.exec("UPDATE bindings SET retired_ms = 1"); // so that no live volume needs it as well
  const volume = { ...worldVolume("root", "slot 0"), protectors: [digestOf("slot 0")] };
  const times = { capturedAt: "2026-01-01T00:00:00Z", expectedUntil: null };
  const point = { point: idOf("point"), name: "web01@2026-01-01", ...times, volumes: [volume] };
  const of = { vault: someVault, machine: idOf("web01"), machineName: "web01" };
  await keys.as("backup", "point.report", { ...of, points: [point] });
  const path = join(folder, "keys.db");
  store.db.prepare("VACUUM INTO ?").run(path);
  return { keys, path, bytes: readFileSync(path) };
}

/** What keeps the version of a database from being deleted and destroyed: a code; null where nothing does. */
async function refusal({ keys, path }: Written): Promise<string | null> {
  using passphrase = new Secret(utf8(testSealPassphrase));
  try {
    using store = KeyStore.open(path, keys.side.store.deps);
    await store.unseal({ kind: "passphrase", secret: passphrase }, signal);
    const side = { ...keys.side, store, refusals: new RefusalBudget() };
    const token = keys.tokens.custodian;
    await answer(side, "key.delete", { token, input: { name: "web01/v1" } }, signal);
    await answer(side, "key.purge", { token, input: { versions: ["web01/v1"] } }, signal);
    return null;
  } catch (error) {
    return isLockstepError(error) ? error.code : `a bug: ${String(error)}`;
  }
}

/** Where a text begins in a file, in whatever table or index. */
function placesOf(bytes: Uint8Array, text: string): number[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const places: number[] = [];
  for (let at = all.indexOf(text); at >= 0; at = all.indexOf(text, at + 1)) places.push(at);
  return places;
}

test("wherever one bit of what a need rests on flips, its version is not destroyed", async (t) => {
  const whole = await written(t);
  assert.equal(await refusal(whole), "VERSION_NEEDED");
  const found = new Map<string | null, number>();
  const rows = [digestOf("slot 0"), digestOf("root"), idOf("point"), idOf("web01"), someVault];
  for (const at of rows.flatMap((text) => placesOf(whole.bytes, text))) {
    // The row's beginning, which says how long its columns are and which are null, and the text itself.
    for (const near of [-3, -2, -1, 0, 7]) {
      writeFileSync(whole.path, whole.bytes.with(at + near, (whole.bytes[at + near] ?? 0) ^ 1));
      const code = await refusal(whole);
      assert.ok(code === "VERSION_NEEDED" || code === "KEY_STORE_CORRUPT", `byte ${at + near}: ${code}`);
      found.set(code, (found.get(code) ?? 0) + 1);
    }
  }
  assert.ok((found.get("KEY_STORE_CORRUPT") ?? 0) > 10, JSON.stringify([...found]));
});

test("a database whose needs are damaged writes no full copy, which would be taken for right", async (t) => {
  const whole = await written(t);
  const { db } = whole.keys.side.store;
  await whole.keys.as("custodian", "copy.make", { full: true });
  const trigger = String(
    db.prepare("SELECT sql FROM temp.sqlite_schema WHERE name = 'sum DELETE bindings'").get()?.["sql"],
  );
  db.exec('DROP TRIGGER temp."sum DELETE bindings"; DELETE FROM bindings;');
  db.exec(trigger.replace("CREATE TRIGGER", "CREATE TEMP TRIGGER"));
  await assert.rejects(whole.keys.as("custodian", "copy.make", { full: true }), {
    code: "KEY_STORE_CORRUPT",
    message: /rows of bindings were changed from without/,
    hint: /lockstep recover/,
  });
});
