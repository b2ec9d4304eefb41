import assert from "node:assert/strict";
import { test } from "node:test";

import { nameDisks, parseTypedDisk } from "#ops/machines/disk-names.ts";

test("a disk is typed as a path, or as a name and a path", () => {
  assert.deepEqual(parseTypedDisk("/images/a.raw"), { name: null, path: "/images/a.raw" });
  assert.deepEqual(parseTypedDisk("root=/images/a=b.raw"), { name: "root", path: "/images/a=b.raw" });
  assert.deepEqual(parseTypedDisk("./a=b.raw"), { name: null, path: "./a=b.raw" });
  for (const wrong of ["", "root=", "=a.raw", "my disk=a.raw"]) {
    assert.throws(() => parseTypedDisk(wrong), { code: "ARGUMENT_INVALID" }, wrong);
  }
});

test("a disk without a name gets that of its file, else a number, and no name twice", () => {
  const disks = ["/i/web01.raw", "/j/web01.img", "/dev/vdb", "/i/my disk.raw", "disk1=/i/x", "/i/.raw"];
  const named = nameDisks(disks.map(parseTypedDisk), ["vdb"]);
  assert.deepEqual(
    named.map(({ name }) => name),
    ["web01", "disk2", "disk3", "disk4", "disk1", "disk5"],
  );
});

test("a name that is typed twice, or that the machine has, is refused", () => {
  const twice = [parseTypedDisk("a=/i/x"), parseTypedDisk("a=/i/y")];
  assert.throws(() => nameDisks(twice, []), { code: "NAME_TAKEN" });
  assert.throws(() => nameDisks([parseTypedDisk("a=/i/x")], ["a"]), { code: "NAME_TAKEN" });
});
