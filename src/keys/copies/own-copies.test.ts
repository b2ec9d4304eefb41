import assert from "node:assert/strict";
import { test } from "node:test";

import { tryPlace } from "#keys/copies/copies.ts";
import { addPlace } from "#keys/copies/places.ts";
import { saveFound } from "#keys/copies/stored-copies.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const { signal } = new AbortController();

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
