import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { writeClaim } from "#keys/copies/epoch-claim.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const { signal } = new AbortController();

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
