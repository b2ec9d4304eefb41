import assert from "node:assert/strict";
import { test } from "node:test";

import { parseMountInfo, readMounts } from "#linux/mounts.ts";

test("optional fields, escaped blanks and both kinds of read-only are told apart", () => {
  const lines = [
    "36 35 98:0 /mnt1 /mnt/with\\040blank ro,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
    "37 35 0:45 / /data rw - btrfs /dev/sdb ro,space_cache",
    "",
  ];
  assert.deepEqual(parseMountInfo(lines.join("\n")), [
    { id: 36, device: "98:0", mountPoint: "/mnt/with blank", type: "ext3", source: "/dev/root", writable: true },
    { id: 37, device: "0:45", mountPoint: "/data", type: "btrfs", source: "/dev/sdb", writable: false },
  ]);
});

test("this host has a root file system", async () => {
  assert.ok((await readMounts()).some(({ mountPoint }) => mountPoint === "/"));
});
