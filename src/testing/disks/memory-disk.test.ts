import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryDisk, memoryTarget } from "#testing/disks/memory-disk.ts";

const signal = new AbortController().signal;

test("a memory disk leaves out its holes and refuses what it cannot read, as a real one does", async () => {
  const disk = memoryDisk(new Uint8Array(4096).fill(1), { holes: [{ offsetBytes: 0, lengthBytes: 1024 }] });
  assert.deepEqual(await Array.fromAsync(disk.dataRanges(signal)), [{ offsetBytes: 1024, lengthBytes: 3072 }]);

  disk.unreadable = [{ offsetBytes: 512, lengthBytes: 512 }];
  const into = new Uint8Array(1024);
  await assert.rejects(disk.read(100, into, signal), { code: "DISK_UNREADABLE", message: /bytes 512-1023/ });
  assert.deepEqual(await disk.readAround(100, into, signal), disk.unreadable);
  assert.deepEqual([into[411], into[412], into[923], into[924]], [1, 0, 0, 1]);
});

test("a memory target holds what was written, until it is full", async () => {
  const target = memoryTarget(8);
  target.roomBytes = 4;
  await target.write(2, Uint8Array.of(1, 2, 3), signal);
  await assert.rejects(target.write(0, Uint8Array.of(9, 9), signal), { code: "TARGET_FULL" });
  await target.zero({ offsetBytes: 3, lengthBytes: 1 }, signal);
  assert.deepEqual([...target.bytes], [0, 0, 1, 0, 3, 0, 0, 0]);
});
