import assert from "node:assert/strict";
import { test } from "node:test";

import { compareDevice, compareFile } from "#disk/write-watch.ts";

const counters = { sectors: 40n, inFlight: 0n, counting: true };
const times = { size: 4096n, mtimeNs: 1n, ctimeNs: 1n };

test("a device whose counters rest was not written to", () => {
  assert.equal(compareDevice(counters, counters), null);
  assert.match(compareDevice(counters, { ...counters, sectors: 48n }) ?? "", /8 sectors/);
});

test("a write under way before or after counts, and so does a device that went", () => {
  assert.match(compareDevice({ ...counters, inFlight: 1n }, counters) ?? "", /under way/);
  assert.match(compareDevice(counters, { ...counters, inFlight: 1n }) ?? "", /under way/);
  assert.match(compareDevice(counters, null) ?? "", /went away/);
});

test("a file is compared by size and by both of its times, to the nanosecond", () => {
  assert.equal(compareFile(times, times), null);
  assert.match(compareFile(times, { ...times, size: 8192n }) ?? "", /from 4096 to 8192/);
  assert.match(compareFile(times, { ...times, mtimeNs: 2n }) ?? "", /modification time/);
  assert.match(compareFile(times, { ...times, ctimeNs: 2n }) ?? "", /change time/);
});
