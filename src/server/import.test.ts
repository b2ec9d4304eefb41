import assert from "node:assert/strict";
import { test } from "node:test";

import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import { listedSecret } from "#testing/keys/sample-binding.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";

const numbers = [recoveryText([1, 2, 3, 4, 5, 6, 7, 8]), recoveryText([1, 2, 3, 4, 5, 6, 7, 9])] as const;

test("a list stores each value once, whatever it is called and however it is written", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "there", "known");
  const secrets = [
    listedSecret("web01", "first"),
    listedSecret("web01", "second"),
    listedSecret("again", "first"),
    listedSecret("other", "known"),
    listedSecret("dc01", numbers[0], "recovery-password"),
    listedSecret("dc02", numbers[0].replaceAll("-", " "), "recovery-password"),
    listedSecret("dc03", numbers[1], "recovery-password"),
  ];
  const import_ = async () => {
    const { results } = await side.as("custodian", "key.import", { secrets });
    return results.map(({ version, isNew }) => `${version?.name} ${isNew ? "new" : "there"}`);
  };
  assert.deepEqual(await import_(), [
    "web01/v1 new",
    "web01/v2 new",
    "web01/v1 there",
    "there/v1 there",
    "dc01/v1 new",
    "dc01/v1 there",
    "dc03/v1 new",
  ]);
  assert.ok((await import_()).every((words) => words.endsWith("there")));
  const tables = side.side.store.db.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE '%hash%'").all();
  assert.ok(!tables.some(({ name }) => String(name).includes("value")), "no hash of a value is kept");
});

test("what a list has mistyped is not stored, and keeps nothing else from it", async () => {
  using side = await testKeySide();
  const mistyped = numbers[0].replace(/^0/, "1");
  const secrets = [
    listedSecret("dc01", mistyped, "recovery-password"),
    listedSecret("web01", "first"),
    listedSecret("x", ""),
  ];
  const { results } = await side.as("custodian", "key.import", { secrets });
  assert.deepEqual(
    results.map(({ version }) => version?.name ?? null),
    [null, "web01/v1", null],
  );
  assert.match(results[0]?.failure ?? "", /group 1 is mistyped/);
  assert.ok(!(results[0]?.failure ?? "").includes(mistyped.slice(0, 6)));
  const audit = await side.as("auditor", "audit.list", { last: 10 });
  const entry = audit.entries.find(({ act }) => act === "key.import");
  assert.deepEqual(entry?.detail, { stored: 1, there: 0, refused: 2 });
});

test("a name that can be none of a key stores nothing", async () => {
  using side = await testKeySide();
  const secrets = [listedSecret("web01", "first"), listedSecret("a/b", "second")];
  await assert.rejects(side.as("custodian", "key.import", { secrets }), { code: "ARGUMENT_INVALID" });
  assert.deepEqual((await side.as("auditor", "key.list", {})).keys, []);
});

test("a value that is deleted is found there; one that is destroyed is not", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "first");
  await side.as("custodian", "key.delete", { name: "web01" });
  const secrets = [listedSecret("web02", "first")];
  const [deleted] = (await side.as("custodian", "key.import", { secrets })).results;
  assert.deepEqual(
    [deleted?.version?.name, deleted?.isNew, deleted?.version?.deletedAt !== null],
    ["web01/v1", false, true],
  );
  side.side.store.db.exec("UPDATE versions SET destroyed_ms = 1, wrapping = NULL, value = NULL");
  const [destroyed] = (await side.as("custodian", "key.import", { secrets })).results;
  assert.deepEqual([destroyed?.version?.name, destroyed?.isNew], ["web02/v1", true]);
});

test("a value that is damaged keeps no list from being imported", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "first");
  side.side.store.db.exec("UPDATE versions SET value = zeroblob(40)");
  const { results } = await side.as("custodian", "key.import", { secrets: [listedSecret("web02", "second")] });
  assert.equal(results[0]?.isNew, true);
});
