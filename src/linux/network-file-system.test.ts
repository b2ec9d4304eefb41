import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { isNetworkType, isOnNetwork } from "#linux/network-file-system.ts";

test("NFS, SMB and FUSE are on the network, disks and memory are not", () => {
  assert.deepEqual([0x6969, 0xfe534d42, 0xff534d42 | 0, 0x65735546].map(isNetworkType), [true, true, true, true]);
  assert.deepEqual([0xef53, 0x58465342, 0x9123683e, 0x01021994].map(isNetworkType), [false, false, false, false]);
});

test("the kernel is asked, and what is not there is on no network", async () => {
  assert.equal(await isOnNetwork("/proc"), false);
  assert.equal(await isOnNetwork(join(tmpdir(), "lockstep-is-not-here")), false);
});
