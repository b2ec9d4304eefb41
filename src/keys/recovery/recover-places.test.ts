import assert from "node:assert/strict";
import { test } from "node:test";

import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { namedCopies } from "#keys/copies/copy-search.ts";
import { addPlace, placesInUse, removePlace } from "#keys/copies/places.ts";
import { newestNumber, saveFound } from "#keys/copies/stored-copies.ts";
import { takeOverPlaces } from "#keys/recovery/recover-places.ts";
import { inTransaction } from "#keys/store/database.ts";
import { findVersion } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const { signal } = new AbortController();

test("a place that a recovery did not reach, or that was taken out before, may keep its copies for good, and certificates say so", async () => {
  using bench = await CopyBench.make("a", "away", "removed");
  bench.add("web01");
  await bench.copy();
  removePlace(bench.store, "removed");
  bench.change("UPDATE keys SET tags = '{}'");
  await bench.copy();
  const { chain, named } = await bench.find("a");
  assert.ok(chain !== null);
  using store = await bench.recover(chain);
  const newest = { epoch: 1, number: 2 };
  const places = [{ place: "a", domain: "here" }];
  assert.deepEqual(
    inTransaction(store.db, () => takeOverPlaces(store, places, named, newest)),
    ["away"],
  );
  assert.deepEqual(
    placesInUse(store).map(({ place }) => place),
    ["a"],
  );
  const version = findVersion(store, "web01/v1");
  const held = (): readonly (readonly [string, boolean])[] =>
    copiesThatHold(store, version).map(({ place, goneAtMs }) => [place, goneAtMs === null]);
  assert.deepEqual(held(), [
    ["a", false],
    ["away", true],
    ["removed", true],
  ]);
  // Once it is reached, all that lies there is known.
  const [away] = bench.searched("away");
  assert.ok(away !== undefined);
  saveFound(store, addPlace(store, { place: "away", domain: "there" }), await namedCopies(away, signal));
  assert.deepEqual(held()[1], ["away", false]);
  assert.equal(copiesThatHold(store, version)[1]?.copies, 2);
});

test("whatever somebody put into a place under the names of the epoch that a recovery begins uses up none of its numbers", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  await bench.place("a").put(copyKeys.copy(2, 2 ** 32 - 1), [Uint8Array.of(1)], {}, signal);
  const { chain, named } = await bench.find("a");
  assert.ok(chain !== null);
  using store = await bench.recover(chain);
  inTransaction(store.db, () => takeOverPlaces(store, [{ place: "a", domain: "a" }], named, { epoch: 1, number: 1 }));
  assert.equal(newestNumber(store), 0);
});
