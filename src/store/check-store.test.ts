import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { checkStore } from "#store/check-store.ts";
import type { StoreReport } from "#store/check-store.ts";
import { storeChecks } from "#store/contract-suite.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";

const { signal } = new AbortController();
const options = {
  random: (length: number): Uint8Array => randomBytes(length),
  prefix: "store-check/x/",
  largeBytes: 1_100_000,
};

async function checked(store: Store): Promise<StoreReport> {
  const told: string[] = [];
  const report = await checkStore(
    () => Promise.resolve(store),
    options,
    ({ name }) => told.push(name),
    signal,
  );
  assert.deepEqual(
    told,
    storeChecks.map(({ name }) => name),
  );
  return report;
}

function failures({ results }: StoreReport): string {
  return results
    .filter(({ outcome }) => outcome === "failed")
    .map(({ name, why }) => `${name}: ${why}`)
    .join("\n");
}

test("a store that keeps the contract passes, and is left as it was", async () => {
  const store = memoryStore();
  await store.put("mine", [], {}, signal);
  const report = await checked(store);
  assert.ok(
    report.results.every(({ outcome }) => outcome === "ok"),
    failures(report),
  );
  assert.equal(report.leftUnder, null);
  assert.deepEqual(await Array.fromAsync(store.list("", {}, signal)), [{ key: "mine", sizeBytes: 0 }]);
});

test("a store that refuses deletes passes as far as it can be checked, and what stays is named", async () => {
  const report = await checked(appendOnlyStore(memoryStore()));
  assert.equal(failures(report), "");
  const unchecked = report.results.filter(({ outcome }) => outcome === "not checked");
  assert.equal(unchecked.length, storeChecks.filter(({ needsDelete }) => needsDelete).length);
  for (const { why } of unchecked) assert.match(why ?? "", /Cannot delete/);
  assert.match(report.leftUnder?.why ?? "", /Cannot delete/);
  assert.equal(report.leftUnder?.prefix, options.prefix);
});

test("a store that breaks a promise fails the check of that promise", async () => {
  const overwriting = memoryStore();
  const put = overwriting.put.bind(overwriting);
  overwriting.put = async (key, body, how, within) => {
    if (within.aborted) return put(key, body, how, within);
    await overwriting.delete(key, within);
    return put(key, body, how, within);
  };
  assert.match(failures(await checked(overwriting)), /second put of a key changes nothing: .* was answered "created"/);

  const unsorted = memoryStore();
  const list = unsorted.list.bind(unsorted);
  unsorted.list = async function* (prefix, how, within) {
    yield* (await Array.fromAsync(list(prefix, how, within))).reverse();
  };
  assert.match(failures(await checked(unsorted)), /a list is ordered by key/);

  const short = memoryStore();
  const read = short.read.bind(short);
  short.read = (key, offset, into, within) => read(key, offset, into.subarray(0, 4000), within);
  assert.match(failures(await checked(short)), /read of 4096 bytes at 1 of whole gives 4000 bytes instead of 4096/);

  const tearing = memoryStore();
  const tear = tearing.put.bind(tearing);
  tearing.put = (key, body, how, within) => tear(key, [concat(...body).fill(0, 100, 200)], how, within);
  assert.match(failures(await checked(tearing)), /get gives other bytes/);
});

test("a failing call is a failed check, and the rest goes on", async () => {
  const { store: counting, calls } = recordingStore(memoryStore());
  await checked(counting);
  const first = calls.findIndex(({ operation }) => operation === "list");
  const faulty = faultyStore(memoryStore());
  faulty.failAt(first, "before");
  const report = await checked(faulty.store);
  assert.match(failures(report), /got no answer/);
  assert.equal(report.results.filter(({ outcome }) => outcome === "failed").length, 1);
  assert.equal(report.leftUnder, null);
});

test("a cancelled check removes what it wrote", async () => {
  const store = memoryStore();
  const controller = new AbortController();
  const results: string[] = [];
  const running = checkStore(
    () => Promise.resolve(store),
    options,
    ({ name }) => {
      if (results.push(name) === 3) controller.abort();
    },
    controller.signal,
  );
  await assert.rejects(running, { code: "CANCELLED" });
  assert.equal(results.length, 3);
  assert.deepEqual(await Array.fromAsync(store.list("", {}, signal)), []);
});
