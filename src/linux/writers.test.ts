import assert from "node:assert/strict";
import { test } from "node:test";

import { isMappedWritable } from "#linux/writers.ts";

const maps = [
  "7f00-7f01 r--s 00000000 fe:01 1049                       /vm/a.raw",
  "7f02-7f03 rw-p 00000000 fe:01 1050                       /vm/b.raw",
  "7f04-7f05 rw-s 00000000 fe:01 1051                       /vm/c.raw",
  "7f06-7f07 rw-p 00000000 00:00 0                          [heap]",
].join("\n");

test("only a mapping that is shared and writable writes", () => {
  const isMapped = (superblock: string, ino: bigint): boolean => isMappedWritable(maps, { superblock, stat: { ino } });
  assert.equal(isMapped("254:1", 1051n), true);
  assert.equal(isMapped("254:2", 1051n), false);
  assert.equal(isMapped("254:1", 1050n), false);
  assert.equal(isMapped("254:1", 1049n), false);
});
