import assert from "node:assert/strict";
import { test } from "node:test";

import { findPointDisk } from "#ops/points/stored-disk.ts";
import type { PointState } from "#vault/fold/fold.ts";

function pointOf(disks: readonly (readonly [name: string, id: string])[]): PointState {
  return { disks: disks.map(([name, disk]) => ({ name, disk })) } as unknown as PointState;
}

test("a disk is found by its name, else by the start of its id", () => {
  const point = pointOf([
    ["root", "aaaa1111"],
    ["data", "bbbb2222"],
  ]);
  assert.equal(findPointDisk(point, "data").disk, "bbbb2222");
  assert.equal(findPointDisk(point, "AAAA").name, "root");
  assert.throws(() => findPointDisk(point, "dta"), { code: "NAME_UNKNOWN", hint: "It has root, data." });
  assert.throws(() => findPointDisk(point, "bbb"), { code: "NAME_UNKNOWN" });
});

test("of two disks of one name, only the id finds one", () => {
  const point = pointOf([
    ["root", "aaaa1111"],
    ["root", "bbbb2222"],
  ]);
  assert.throws(() => findPointDisk(point, "root"), { code: "NAME_AMBIGUOUS", hint: /aaaa1111, bbbb2222/ });
  assert.equal(findPointDisk(point, "bbbb").disk, "bbbb2222");
});
