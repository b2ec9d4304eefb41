import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { isCopyDue, tryPlace, versionIsCopied } from "#keys/copies/copies.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { writeClaim } from "#keys/copies/epoch-claim.ts";
import { addPlace, removePlace } from "#keys/copies/places.ts";
import { saveFound } from "#keys/copies/stored-copies.ts";
import { versionName, versionValue, findVersion, loadVersion } from "#keys/versions/versions.ts";
import { memoryStore } from "#store/memory.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";

const { signal } = new AbortController();

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

test("a place that is away is passed over, and gets a full copy when it is back", async () => {
  using bench = await CopyBench.make("a", "b");
  await bench.copy();
  bench.away("b", true);
  bench.add("web01");
  const { places } = await bench.copy();
  assert.deepEqual(places, [
    { place: "a", failure: null },
    { place: "b", failure: "there is no b now" },
  ]);
  assert.equal(isCopyDue(bench.store), false, "what is away is no reason to write a copy each second");
  bench.away("b", false);
  assert.deepEqual((await bench.copy()).written, { number: 3, kind: "full" });
  const found = await bench.find("b");
  assert.equal(found.chain?.copies.at(-1)?.header.number, 3);
});

test("a place that is emptied is taken for one that is not mounted, and gets nothing until it is added anew", async () => {
  using bench = await CopyBench.make("a", "b");
  await bench.copy();
  const mounted = bench.place("b");
  bench.replace("b", memoryStore());
  bench.add("web01");
  assert.deepEqual((await bench.copy()).places[1], {
    place: "b",
    failure: "nothing is there of what was: is it mounted?",
  });
  assert.deepEqual(await bench.names("b"), []);
  bench.replace("b", mounted);
  assert.deepEqual((await bench.copy()).places[1], { place: "b", failure: null });

  bench.replace("b", memoryStore());
  removePlace(bench.store, "b");
  bench.pass(1);
  addPlace(bench.store, { place: "b", domain: "b" });
  assert.deepEqual((await bench.copy()).places[1], { place: "b", failure: null });
  assert.equal((await bench.find("b")).chain?.copies.length, 1);
});

test("a copy that somebody took away is noticed at the next look, and a full one is written", async () => {
  using bench = await CopyBench.make("a", "b");
  bench.add("web01");
  await bench.copy();
  await bench.place("b").delete(copyKeys.copy(1, 1), signal);
  assert.deepEqual((await bench.copy()).written, { number: 2, kind: "full" });
  assert.equal((await bench.find("b")).chain?.copies.length, 1);
});

test("numbers that others put into a place are passed over, and cannot use all of them up", async () => {
  using bench = await CopyBench.make("a");
  for (const number of [1, 3, 0xffffffff]) {
    await bench.place("a").put(copyKeys.copy(1, number), [utf8("not a copy")], {}, signal);
  }
  assert.deepEqual((await bench.copy()).written, { number: 4, kind: "full" });
  const { chain, refused } = await bench.find("a");
  assert.equal(chain?.copies[0].header.number, 4);
  assert.match(refused.join(), /copy 4294967295 of epoch 1 in a: the kit does not open it/);
});

test("a place that can be reached and does not keep what it was given is a failure", async () => {
  using bench = await CopyBench.make("a", "b");
  const inner = bench.place("b");
  bench.replace(
    "b",
    interceptedStore(inner, async (call, run) => {
      if (call.operation === "put") throw new LockstepError("STORE_FULL", "no room");
      return run();
    }),
  );
  await assert.rejects(bench.copy(), { code: "COPY_NOT_DURABLE", message: /b: no room/ });
  bench.replace(
    "b",
    interceptedStore(inner, async (call, run) => {
      const result = await run();
      if (call.operation === "get" && result instanceof Uint8Array && call.key.startsWith("keystore/0"))
        result[100] = 255;
      return result;
    }),
  );
  await assert.rejects(bench.copy(), {
    code: "COPY_NOT_DURABLE",
    message: /b: copy 2 of epoch 1 reads back as something else/,
  });
  bench.change("UPDATE places SET removed_ms = 1 WHERE place = 'b'");
  assert.equal((await bench.copy()).places.length, 1);
});

test("a copy that was begun and never answered takes its number away, and the next goes on from what was read back", async () => {
  using bench = await CopyBench.make("a");
  bench.add("web01");
  await bench.copy();
  const inner = bench.place("a");
  for (const isPut of [false, true]) {
    bench.add(`key-${isPut}`);
    bench.replace(
      "a",
      interceptedStore(inner, async (call, run) => {
        if (call.operation !== "put") return run();
        if (isPut) await run();
        throw new LockstepError("STORE_UNAVAILABLE", "no answer");
      }),
    );
    await assert.rejects(bench.copy(), { code: "COPY_NOT_DURABLE" });
  }
  bench.replace("a", inner);
  assert.deepEqual((await bench.copy()).written, { number: 4, kind: "increment" });
  const { chain } = await bench.find("a");
  assert.deepEqual(
    chain?.copies.map(({ header }) => header.number),
    [1, 4],
  );
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

test("copies that served their term are deleted, the newest full one and what follows never", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  bench.add("web01");
  await bench.copy();
  bench.pass(200);
  bench.change("UPDATE keys SET created_ms = 4");
  await bench.copy();
  assert.deepEqual(await bench.names("a"), ["00000001-00000003", "epoch-00000001"]);
  bench.pass(200);
  bench.change("UPDATE keys SET created_ms = 5");
  await bench.copy();
  assert.equal((await bench.names("a")).length, 2);
});

test("a place that refuses to delete keeps its copies, and certificates say so", async () => {
  using bench = await CopyBench.make("a", "b");
  const version = bench.add("web01");
  await bench.copy();
  bench.change(
    "UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = 1767225600000 WHERE id = ?",
    version.id,
  );
  bench.change("INSERT INTO certificates VALUES (?, '{}', x'00')", version.id);
  const destroyed = loadVersion(bench.store, version.id);
  const day = 24 * 3600 * 1000;
  const until = Date.parse("2026-01-01T00:00Z") + 90 * day;
  assert.deepEqual(
    copiesThatHold(bench.store, destroyed),
    ["a", "b"].map((place) => ({ place, copies: 1, goneAtMs: until })),
  );
  bench.pass(1);
  assert.equal((await bench.copy()).written?.kind, "full", "what has the value still is to grow old");
  const inner = bench.place("b");
  bench.replace(
    "b",
    interceptedStore(inner, async (call, run) => {
      if (call.operation === "delete") throw new LockstepError("STORE_DENIED", "locked");
      return run();
    }),
  );
  bench.pass(91);
  await bench.copy();
  assert.deepEqual(copiesThatHold(bench.store, destroyed), [{ place: "b", copies: 1, goneAtMs: null }]);
});

test("a server that finds a later epoch of its store freezes; a claim that nobody signed freezes nobody", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  const { id } = bench.store.facts();
  await bench.place("a").put(copyKeys.claim(2), [utf8("{}\n")], {}, signal);
  await bench.copy();
  assert.equal(bench.store.facts().frozen, null);
  const claim = { store: id, epoch: 3, claim: "d".repeat(32), at: "2026-02-01T00:00:00Z" };
  const bytes = writeClaim(claim, (signed) => bench.store.ring.sign("epoch", signed));
  await bench.place("a").put(copyKeys.claim(3), [bytes], {}, signal);
  await assert.rejects(bench.copy(), { code: "KEY_STORE_FROZEN", message: /epoch 3 was claimed in a/ });
  assert.match(bench.store.facts().frozen ?? "", /recovered elsewhere/);
});

test("a place with copies of another key store is refused", async () => {
  using bench = await CopyBench.make("a");
  using other = await CopyBench.make("a");
  await other.copy();
  bench.replace("a", other.place("a"));
  await assert.rejects(bench.copy(), { code: "COPY_NOT_DURABLE", message: /not signed by this key store/ });
});

test("copies of another key store in a place are neither taken for this store's nor deleted", async () => {
  using bench = await CopyBench.make("a");
  using other = await CopyBench.make("b");
  await other.copy();
  bench.change("UPDATE store SET epoch = 2");
  bench.replace("b", other.place("b"));
  assert.deepEqual(await tryPlace(bench, "b", signal), []);
  const theirs = { epoch: 1, number: 1, sizeBytes: 1 };
  // As the store noted it before it looked whose it is.
  saveFound(bench.store, addPlace(bench.store, { place: "b", domain: "b" }), [theirs]);
  await bench.copy();
  bench.pass(91);
  bench.add("web01");
  await bench.copy("full");
  assert.ok((await bench.names("b")).includes("00000001-00000001"));
});

test("what lies under the name of a copy that could not be put is deleted only where it is that copy", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  const inner = bench.place("a");
  const foreign = utf8("somebody else's");
  for (const [number, isForeign] of [
    [2, true],
    [3, false],
  ] as const) {
    bench.replace(
      "a",
      interceptedStore(inner, async (call, run) => {
        if (call.operation !== "put") return run();
        if (isForeign) await inner.put(copyKeys.copy(1, number), [foreign], {}, signal);
        else await run();
        throw new LockstepError("STORE_UNAVAILABLE", "no answer");
      }),
    );
    await assert.rejects(bench.copy("full"), { code: "COPY_NOT_DURABLE" });
  }
  bench.replace("a", inner);
  await bench.copy("full");
  bench.pass(91);
  await bench.copy("full");
  const names = ["00000001-00000002", "00000001-00000004", "00000001-00000005", "epoch-00000001"];
  assert.deepEqual(
    await bench.names("a"),
    names.filter((name) => name !== "00000001-00000004"),
  );
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

test("recovery gives back every row, and every value, in a later epoch, frozen, with no identity of before", async () => {
  using bench = await CopyBench.make("a", "b");
  bench.add("web01", "first");
  await bench.copy();
  bench.add("web01", "second");
  bench.add("gone", "destroyed");
  bench.change("INSERT INTO keys VALUES ('1', 'removed', 0, '{}')");
  await bench.copy();
  bench.change(
    "UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = 0 WHERE key IN (SELECT id FROM keys WHERE name = 'gone')",
  );
  bench.change("DELETE FROM keys WHERE name = 'removed'");
  await bench.copy();
  const { chain, refused } = await bench.find("a");
  assert.ok(chain !== null);
  assert.deepEqual([refused, chain.copies.length], [[], 3]);
  using recovered = await bench.recover(chain);
  for (const [name, value] of [
    ["web01/v1", "first"],
    ["web01/v2", "second"],
  ] as const) {
    assert.equal(Buffer.from(versionValue(recovered, findVersion(recovered, name)).bytes).toString(), value);
  }
  assert.throws(() => versionValue(recovered, findVersion(recovered, "gone/v1")), { code: "VERSION_UNUSABLE" });
  const before = bench.store.facts();
  assert.deepEqual(
    { ...recovered.facts(), rootNumber: 1 },
    {
      ...before,
      epoch: 2,
      epochClaim: "c".repeat(32),
      frozen: "it was recovered, and not every vault has reported since",
      rootNumber: 1,
    },
  );
  assert.equal(recovered.db.prepare("SELECT 1 FROM identities WHERE revoked_ms IS NULL").get(), undefined);
  for (const table of ["keys", "versions", "places", "kits", "audit", "identities"]) {
    const without = table === "versions" ? "wrapping, value" : table === "identities" ? "revoked_ms" : "";
    assert.deepEqual(rowsOf(recovered, table, without), rowsOf(bench.store, table, without), table);
  }
  removePlace(recovered, "a");
});

function rowsOf({ db }: { readonly db: CopyBench["store"]["db"] }, table: string, without: string): unknown[] {
  return db
    .prepare(`SELECT * FROM ${table} ORDER BY 1`)
    .all()
    .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !without.includes(column))));
}
