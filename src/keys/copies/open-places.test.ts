import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { isCopyDue } from "#keys/copies/copies.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { addPlace, removePlace } from "#keys/copies/places.ts";
import { memoryStore } from "#store/memory.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";

const { signal } = new AbortController();

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

for (const [names, hint] of [
  [["a"], "Make room."],
  [["a", "b"], "Make room. Or take the place out: `lockstep place remove`."],
] as const) {
  test(`the next step for a full place, of ${names.length}, is its own, and to take it out only beside another`, async () => {
    using bench = await CopyBench.make(...names);
    const full = interceptedStore(bench.place("a"), (call, run) => {
      if (call.operation === "put") throw new LockstepError("STORE_FULL", "no room", { hint: "Make room." });
      return run();
    });
    bench.replace("a", full);
    await assert.rejects(bench.copy(), { code: "COPY_NOT_DURABLE", hint });
  });
}
