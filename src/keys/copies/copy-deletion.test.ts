import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { loadVersion } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";

const { signal } = new AbortController();

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
