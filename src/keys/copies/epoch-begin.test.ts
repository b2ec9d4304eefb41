import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { beginEpoch, nextEpoch } from "#keys/copies/epoch-begin.ts";
import { parseClaim, writeClaim } from "#keys/copies/epoch-claim.ts";
import type { EpochClaim } from "#keys/copies/epoch-claim.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const { signal } = new AbortController();

async function recovered(bench: CopyBench, epoch: number): Promise<KeyStore> {
  const { chain } = await bench.find("a");
  assert.ok(chain !== null);
  return bench.recover(chain, epoch);
}

test("of two recoveries that begin the same epoch, one loses and makes nothing", async () => {
  using bench = await CopyBench.make("a", "b");
  await bench.copy();
  const places = bench.searched("a", "b");
  const key = bench.store.facts().signingPublic;
  assert.equal(await nextEpoch(places, key, 1, signal), 2);
  using first = await recovered(bench, 2);
  using second = await recovered(bench, 2);
  second.db.exec(`UPDATE store SET epoch_claim = '${"e".repeat(32)}'`);
  await beginEpoch(first, places, signal);
  await beginEpoch(first, places, signal); // after a crash, the same again
  await assert.rejects(beginEpoch(second, places, signal), {
    code: "KEY_STORE_FROZEN",
    message: /epoch 2 was claimed in a at 2026-01-01T00:00:00Z/,
  });
  assert.equal(await nextEpoch(places, key, 1, signal), 3);
  assert.equal(await nextEpoch(places, key, 9, signal), 10, "receipts may know of a later one");
});

test("claims that nobody signed, and those of other stores, are no epochs of ours", async () => {
  using bench = await CopyBench.make("a");
  using other = await CopyBench.make("b");
  await bench.copy();
  const key = bench.store.facts().signingPublic;
  await bench.place("a").put(copyKeys.claim(2), [utf8("{}\n")], {}, signal);
  await bench.place("a").put(copyKeys.claim(0xffffffff), [new Uint8Array(10_000)], {}, signal);
  const foreign = { store: other.store.facts().id, epoch: 3, claim: "f".repeat(32), at: "2026-01-01T00:00:00Z" };
  const bytes = writeClaim(foreign, (signed) => other.store.ring.sign("epoch", signed));
  await bench.place("a").put(copyKeys.claim(3), [bytes], {}, signal);
  assert.equal(await nextEpoch(bench.searched("a"), key, 1, signal), 4);
});

test("a claim says what was signed, or nothing", async () => {
  using bench = await CopyBench.make("a");
  const claim: EpochClaim = { store: "5", epoch: 7, claim: "c", at: "2026-01-01T00:00:00Z" };
  const key = bench.store.facts().signingPublic;
  const bytes = writeClaim(claim, (signed) => bench.store.ring.sign("epoch", signed));
  assert.deepEqual(parseClaim(bytes, key), claim);
  for (let at = 0; at < bytes.length - 1; at++) {
    const found = parseClaim(bytes.with(at, bytes[at] === 0x20 ? 0x21 : 0x20), key);
    assert.ok(found === null || JSON.stringify(found) === JSON.stringify(claim), `byte ${at}`);
  }
  const forged = writeClaim(claim, (signed) => bench.store.ring.sign("copy", signed));
  assert.equal(parseClaim(forged, key), null, "what is signed for another purpose is none");
});
