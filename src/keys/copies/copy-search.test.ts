import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { systemRandom } from "#crypto/derive.ts";
import { copyKeys, parseCopy, rowLineOf, writeCopy } from "#keys/copies/copy-format.ts";
import { openCopy, sealCopy } from "#keys/copies/copy-seal.ts";
import { kitCopiesIdentity } from "#keys/kit/kit-secret.ts";
import type { Store } from "#store/contract.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const { signal } = new AbortController();

/** Three copies in the places a and b. */
async function threeCopies(): Promise<CopyBench> {
  const bench = await CopyBench.make("a", "b");
  for (const name of ["one", "two", "three"]) {
    bench.add(name);
    await bench.copy();
  }
  return bench;
}

async function replace(
  store: Store,
  number: number,
  change: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<void> {
  const key = copyKeys.copy(1, number);
  const bytes = await store.get(key, 1_000_000, signal);
  assert.ok(bytes !== null);
  await store.delete(key, signal);
  await store.put(key, [await change(bytes)], {}, signal);
}

/** What was found: numbers of the chain, and why newer ones were refused. */
async function found(bench: CopyBench, ...places: readonly string[]): Promise<readonly [readonly number[], string]> {
  const { chain, refused } = await bench.find(...places);
  return [chain?.copies.map(({ header }) => header.number) ?? [], refused.join("; ")];
}

test("the newest copy is found, with all that it goes on from", async () => {
  using bench = await threeCopies();
  assert.deepEqual(await found(bench, "a", "b"), [[1, 2, 3], ""]);
});

test("a copy that was damaged, cut, or exchanged for another is refused, and the one before it taken", async () => {
  for (const [change, why] of [
    [(bytes: Uint8Array) => bytes.with(bytes.length - 40, (bytes.at(-40) ?? 0) ^ 1), /the kit does not open it/],
    [(bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1), /the kit does not open it/],
    [() => new Uint8Array(), /the kit does not open it/],
  ] as const) {
    using bench = await threeCopies();
    await replace(bench.place("a"), 3, change);
    const [numbers, refused] = await found(bench, "a");
    assert.deepEqual(numbers, [1, 2]);
    assert.match(refused, why);
  }
  using bench = await threeCopies();
  const older = await bench.place("a").get(copyKeys.copy(1, 2), 1_000_000, signal);
  await replace(bench.place("a"), 3, () => older ?? new Uint8Array());
  const [numbers, refused] = await found(bench, "a");
  assert.deepEqual(numbers, [1, 2]);
  assert.match(refused, /copy 3 of epoch 1 in a: it is copy 2 of epoch 1 under another name/);
});

test("a forged copy is refused: encrypted to the kit, and signed by somebody else", async () => {
  using bench = await threeCopies();
  using forger = await CopyBench.make("a");
  const { recipient } = bench.identity;
  const forge = async (bytes: Uint8Array, signingKey?: string): Promise<Uint8Array> => {
    const plain = await openCopy(bench.identity, bytes);
    assert.ok(plain !== null);
    const { header, rows } = parseCopy("a copy", plain);
    const named = signingKey === undefined ? header : { ...header, signingKey };
    return sealCopy(
      recipient,
      writeCopy(named, rows.map(rowLineOf), (signed) => forger.store.ring.sign("copy", signed)),
    );
  };
  await replace(bench.place("a"), 3, (bytes) => forge(bytes));
  assert.deepEqual((await found(bench, "a"))[0], [1, 2]);
  assert.equal((await bench.find("a")).cut, null, "nobody but the store can say that something is missing");
  await replace(bench.place("a"), 2, (bytes) =>
    forge(bytes, Buffer.from(forger.store.facts().signingPublic).toString("base64")),
  );
  const [numbers, refused] = await found(bench, "a");
  assert.deepEqual(numbers, [1]);
  assert.match(refused, /copy 3 .* is forged; copy 2 .* is forged/);
});

test("a copy without one that it goes on from counts for nothing; another place may have that one", async () => {
  using bench = await threeCopies();
  await bench.place("a").delete(copyKeys.copy(1, 2), signal);
  const [numbers, refused] = await found(bench, "a");
  assert.deepEqual(numbers, [1]);
  assert.match(refused, /copy 2 of epoch 1, which it goes on from, is missing/);
  assert.deepEqual((await bench.find("a")).cut, { epoch: 1, number: 3 });
  assert.equal((await bench.find("a", "b")).cut, null);
  assert.deepEqual((await found(bench, "a", "b"))[0], [1, 2, 3]);
});

test("where nothing is good, nothing is given", async () => {
  using bench = await threeCopies();
  const other = await kitCopiesIdentity(new Secret(systemRandom(32)));
  for (const number of [1, 2, 3])
    await replace(bench.place("a"), number, () => sealCopy(other.recipient, new Uint8Array(9)));
  const [numbers, refused] = await found(bench, "a");
  assert.deepEqual([numbers, refused.split("; ").length], [[], 3]);
});

test("no byte changed in what is inside makes reading throw anything but that it is refused", async () => {
  using bench = await threeCopies();
  const sealed = await bench.place("a").get(copyKeys.copy(1, 3), 1_000_000, signal);
  const plain = await openCopy(bench.identity, sealed ?? new Uint8Array());
  assert.ok(plain !== null);
  for (let at = 0; at < plain.length; at++) {
    for (const to of [0x0a, 0x00, 0x22, 0x7b, 0xff]) {
      try {
        parseCopy("a copy", plain.with(at, to));
      } catch (error) {
        assert.match(String(error), /LockstepError: reading a copy: /, `byte ${at}`);
      }
    }
  }
});
