import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readAllocated, readRoom } from "#disk/room.ts";

test("a file system says what it has left; a path that is not there is an error", async () => {
  const { freeBytes } = await readRoom(tmpdir());
  assert.ok(freeBytes > 0);
  await assert.rejects(readRoom("/nowhere/at/all"), { code: "TARGET_MISSING" });
});

test("holes take no room, and neither does a file that is not there", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-room-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "sparse");
  await writeFile(path, new Uint8Array(65_536).fill(1));
  await truncate(path, 1024 * 1024 * 1024);
  const bytes = await readAllocated(path);
  assert.ok(bytes >= 65_536 && bytes < 1024 * 1024, `${bytes}`);
  assert.equal(await readAllocated(join(folder, "none")), 0);
});
