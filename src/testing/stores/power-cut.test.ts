import assert from "node:assert/strict";
import { test } from "node:test";

import { codeOf } from "#store/files.ts";
import { powerCutDisk } from "#testing/stores/power-cut.ts";
import type { PowerCutDisk } from "#testing/stores/power-cut.ts";

async function contents(disk: PowerCutDisk, path: string): Promise<Uint8Array | string> {
  try {
    const file = await disk.process().open(path, "read");
    const bytes = new Uint8Array((await file.stat()).sizeBytes);
    await file.read(bytes, 0);
    return bytes;
  } catch (error) {
    return codeOf(error);
  }
}

test("what was not synced lasts as the cut decides: names one by one, data page by page", async () => {
  const disk = powerCutDisk();
  const files = disk.process();
  const file = await files.open("/a", "create");
  await file.write(new Uint8Array(8192).fill(1), 0);
  assert.equal(
    await contents(
      disk.cut(() => false),
      "/a",
    ),
    "ENOENT",
  );
  assert.deepEqual(
    await contents(
      disk.cut(() => true),
      "/a",
    ),
    new Uint8Array(8192).fill(1),
  );
  await files.syncFolder("/");
  assert.deepEqual(
    await contents(
      disk.cut(() => false),
      "/a",
    ),
    new Uint8Array(),
  );

  const choices = [true, false, true]; // the new size, not the first page, the second page
  const torn = new Uint8Array(8192).fill(1, 4096);
  assert.deepEqual(
    await contents(
      disk.cut(() => choices.shift() ?? false),
      "/a",
    ),
    torn,
  );
});

test("what was synced lasts, and a removal of it does once the folder is synced", async () => {
  const disk = powerCutDisk();
  const files = disk.process();
  const file = await files.open("/a", "create");
  await file.write(new Uint8Array(10).fill(2), 0);
  await file.sync();
  await files.link("/a", "/b");
  await files.syncFolder("/");
  await files.unlink("/a");
  const lost = disk.cut(() => false);
  assert.deepEqual(await contents(lost, "/a"), new Uint8Array(10).fill(2));
  assert.equal((await lost.process().stat("/b")).links, 2);
  await files.syncFolder("/");
  const gone = disk.cut(() => false);
  assert.equal(await contents(gone, "/a"), "ENOENT");
  assert.equal((await gone.process().stat("/b")).links, 1);
});

test("a process that dies has no effect from then on, others go on", async () => {
  const disk = powerCutDisk();
  const dying = disk.process(1);
  await dying.makeFolder("/a");
  await assert.rejects(dying.makeFolder("/b"), /this process died/);
  await assert.rejects(dying.makeFolder("/c"), /this process died/);
  assert.deepEqual(await disk.process().readFolder("/"), [{ name: "a", kind: "folder" }]);
});
