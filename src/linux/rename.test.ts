import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { renameToNew } from "#linux/rename.ts";

test("a name that is taken keeps its file, a free one gets the new file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-rename-"));
  try {
    await writeFile(join(folder, "old"), "old");
    await writeFile(join(folder, "new"), "new");
    assert.equal(renameToNew(join(folder, "new"), join(folder, "old")), "EEXIST");
    assert.equal(await readFile(join(folder, "old"), "utf8"), "old");
    assert.equal(renameToNew(join(folder, "new"), join(folder, "free")), null);
    assert.equal(await readFile(join(folder, "free"), "utf8"), "new");
    assert.equal(renameToNew(join(folder, "new"), join(folder, "other")), "ENOENT");
    assert.deepEqual((await readdir(folder)).sort(), ["free", "old"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
