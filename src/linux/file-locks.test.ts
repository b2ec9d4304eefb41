import assert from "node:assert/strict";
import { test } from "node:test";

import { parseFileLocks } from "#linux/file-locks.ts";

test("held locks of the three types are read; leases, and locks waited for, are not", () => {
  const text = [
    "1: POSIX  ADVISORY  WRITE 4711 fe:01:1049 0 EOF",
    "1: -> POSIX  ADVISORY  WRITE 4712 fe:01:1049 0 EOF",
    "2: OFDLCK ADVISORY  READ -1 00:2d:257 100 101",
    "3: FLOCK  ADVISORY  WRITE 99 08:11:18446744073709551615 0 EOF",
    "4: LEASE  ACTIVE    READ  12 08:01:5 0 EOF",
    "",
  ].join("\n");
  assert.deepEqual(parseFileLocks(text), [
    { type: "POSIX", exclusive: true, pid: 4711, device: "254:1", inode: 1049n, startBytes: 0n, lastBytes: null },
    { type: "OFDLCK", exclusive: false, pid: null, device: "0:45", inode: 257n, startBytes: 100n, lastBytes: 101n },
    { type: "FLOCK", exclusive: true, pid: 99, device: "8:17", inode: 2n ** 64n - 1n, startBytes: 0n, lastBytes: null },
  ]);
});
