import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";

import { readOverlapping, readStableId, readWriteCounters } from "#linux/block-device.ts";

/** A folder of attributes as the kernel lays them out; what no disk of a test machine has. */
function deviceFolder(t: TestContext, attributes: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-sysfs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(attributes)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  }
  return folder;
}

test("a stable id is the first one that the device has", async (t) => {
  const idOf = async (attributes: Record<string, string>): Promise<string | null> =>
    readStableId(deviceFolder(t, attributes));
  assert.equal(await idOf({ "dm/uuid": "LVM-abc", wwid: "naa.1" }), "dm:LVM-abc");
  assert.equal(await idOf({ "dm/uuid": "", wwid: "naa.1" }), "wwid:naa.1");
  assert.equal(await idOf({ "device/wwid": "t10.ATA     DISK   S1" }), "wwid:t10.ATA DISK S1");
  assert.equal(await idOf({ "device/serial": "S5GX ", serial: "other" }), "serial:S5GX");
  assert.equal(await idOf({ serial: "virtio-1" }), "serial:virtio-1");
  assert.equal(await idOf({ size: "8" }), null);
});

test("a partition is named after its disk, and has no id where the disk has none", async (t) => {
  const disk = deviceFolder(t, { wwid: "naa.1", dev: "8:0", "sda2/partition": "2", "sda2/dev": "8:2" });
  assert.equal(await readStableId(join(disk, "sda2")), "wwid:naa.1#part2");
  rmSync(join(disk, "wwid"));
  assert.equal(await readStableId(join(disk, "sda2")), null);
});

test("a disk overlaps with its partitions, a partition with its disk but not with its neighbour", async (t) => {
  const one = { "sda1/partition": "1", "sda1/dev": "8:1" };
  const disk = deviceFolder(t, { dev: "8:0", "queue/iostats": "1", ...one, "sda2/partition": "2", "sda2/dev": "8:2" });
  const numbersOf = async (folder: string): Promise<string[]> =>
    (await readOverlapping(folder)).map(({ number }) => number).sort();
  assert.deepEqual(await numbersOf(disk), ["8:0", "8:1", "8:2"]);
  assert.deepEqual(await numbersOf(join(disk, "sda1")), ["8:0", "8:1"]);
});

test("writes and discards are counted, reads are not", async (t) => {
  const stat = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
  const folder = deviceFolder(t, { stat, inflight: "       3        2", "queue/iostats": "0" });
  assert.deepEqual(await readWriteCounters(folder), { sectors: 21n, inFlight: 2n, counting: false });
  assert.equal(await readWriteCounters(join(folder, "none")), null);
});
