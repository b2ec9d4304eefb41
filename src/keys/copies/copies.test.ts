import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { isCopyDue, versionIsCopied } from "#keys/copies/copies.ts";
import { versionName } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

test("the first copy is a full one, then increments follow, in every place, and nothing is written where nothing changed", async () => {
  using bench = await CopyBench.make("a", "b");
  bench.add("web01");
  assert.deepEqual((await bench.copy()).written, { number: 1, kind: "full" });
  assert.equal(isCopyDue(bench.store), false);
  assert.equal((await bench.copy()).written, null);
  bench.add("web02");
  assert.equal(isCopyDue(bench.store), true);
  assert.deepEqual((await bench.copy()).written, { number: 2, kind: "increment" });
  const names = ["00000001-00000001", "00000001-00000002", "epoch-00000001"];
  assert.deepEqual([await bench.names("a"), await bench.names("b")], [names, names]);
});

test("a version counts as copied once a copy that has it was read back", async () => {
  using bench = await CopyBench.make("a");
  const version = bench.add("web01");
  assert.equal(versionIsCopied(bench.store, version), false);
  await bench.copy();
  assert.equal(versionIsCopied(bench.store, version), true);
  bench.change("UPDATE versions SET note = 'other' WHERE id = ?", version.id);
  assert.equal(versionIsCopied(bench.store, version), false);
});

test("a store without a kit, without a place, or with none that can be reached, has no durable copy", async () => {
  using noPlace = await CopyBench.make();
  await assert.rejects(noPlace.copy(), { code: "COPY_NOT_DURABLE", message: /no place/ });
  using noKit = await CopyBench.make("a");
  noKit.change("DELETE FROM kits");
  await assert.rejects(noKit.copy(), { code: "COPY_NOT_DURABLE", message: /no kit/ });
  using away = await CopyBench.make("a", "b");
  away.away("a", true);
  away.away("b", true);
  await assert.rejects(away.copy(), {
    code: "COPY_NOT_DURABLE",
    message: /no place can be reached; a: there is no a now/,
  });
  away.store.seal();
  await assert.rejects(away.copy(), { code: "KEY_STORE_SEALED" });
});

test("after many increments, or a month, a full copy is written", async () => {
  using bench = await CopyBench.make("a");
  bench.change("INSERT INTO keys VALUES ('1', 'first', 0, ?)", JSON.stringify({ long: "x".repeat(10_000) }));
  await bench.copy();
  for (let at = 0; at < 50; at++) {
    bench.change("UPDATE keys SET created_ms = ?", at);
    assert.equal((await bench.copy()).written?.kind, "increment");
    bench.change("UPDATE keys SET tags = '{}'");
  }
  assert.deepEqual((await bench.copy()).written, { number: 52, kind: "full" });
  bench.pass(31);
  bench.change("UPDATE keys SET created_ms = 5");
  assert.equal((await bench.copy()).written?.kind, "full");
});

test("an increment that would be longer than the newest full copy becomes a full one", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  for (let at = 0; at < 300; at++) bench.add(`web${at}`);
  assert.deepEqual((await bench.copy()).written, { number: 2, kind: "full" });
});

test("a value that is destroyed while a full copy reads the rows is a reason for another one", async () => {
  using bench = await CopyBench.make("a");
  const version = bench.add("web01");
  const copying = bench.copy();
  // Values are read a batch at a time.
  await setImmediate();
  await setImmediate();
  bench.change("UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = 0 WHERE id = ?", version.id);
  bench.change("INSERT INTO certificates VALUES (?, '{}', x'00')", version.id);
  await copying;
  assert.deepEqual((await bench.copy()).written, { number: 2, kind: "full" });
});

test("the audit log alone is copied once a day", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  bench.change("SELECT 1");
  assert.equal((await bench.copy()).written, null);
  bench.pass(1);
  assert.equal((await bench.copy()).written?.kind, "increment");
});

test("what vaults report anew is copied within an hour, and at once where somebody asks for all", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  const report = "INSERT OR REPLACE INTO days VALUES ('vault', ?, ?)";
  bench.change(report, 1, 1);
  assert.equal((await bench.copy()).written, null);
  assert.equal((await bench.copy("all")).written?.kind, "increment");
  bench.change(report, 2, 2);
  bench.pass(1 / 24);
  assert.equal((await bench.copy()).written?.kind, "increment");
});

test("several that want a copy at once get one after the other, and each sees its own change in it", async () => {
  using bench = await CopyBench.make("a");
  const versions = ["one", "two", "three"].map((name) => {
    const version = bench.add(name);
    return { version, done: bench.copy() };
  });
  await Promise.all(versions.map(({ done }) => done));
  for (const { version } of versions) assert.ok(versionIsCopied(bench.store, version), versionName(version));
});
