import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, after, test } from "node:test";

import type { Holder } from "#disk/holder.ts";
import { findHolders } from "#disk/holders.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-holders-"));
after(() => rmSync(folder, { recursive: true }));
const signal = new AbortController().signal;

function image(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, "disk");
  return path;
}

/** A child that runs `script` with `path` as $1, says when it is ready, and stays until the test ends. */
async function child(t: TestContext, path: string, script: string): Promise<ChildProcess> {
  const process = spawn("bash", ["-c", `${script}; echo ready; read -r line`, "bash", path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => process.kill("SIGKILL"));
  await once(process.stdout, "data");
  return process;
}

async function holdersOf(path: string): Promise<readonly Holder[]> {
  return (await findHolders(path, signal)).holders;
}

test("a disk that nobody uses has no holder, and our own descriptors do not count", async () => {
  const path = image("free.raw");
  const own = await open(path, "r+");
  assert.deepEqual(await holdersOf(path), []);
  await own.close();
});

test("a process that has it open for writing is named, by a link or another name of the file too", async (t) => {
  const path = image("open.raw");
  const other = join(folder, "other-name.raw");
  linkSync(path, other);
  const link = join(folder, "link.raw");
  symlinkSync(other, link);
  const { pid } = await child(t, path, 'exec 9<>"$1"');
  for (const name of [path, other, link]) {
    assert.deepEqual(await holdersOf(name), [
      { kind: "process", mayWrite: true, words: `process ${pid} (bash) has it open for writing` },
    ]);
  }
});

test("a process that only reads it is no holder", async (t) => {
  const path = image("read.raw");
  await child(t, path, 'exec 9<"$1"');
  assert.deepEqual(await holdersOf(path), []);
});

test("a lock counts though its holder only reads: an exclusive one as a writer's, a shared one as a reader's", async (t) => {
  const path = image("locked.raw");
  const exclusive = await child(t, path, 'exec 9<"$1"; flock -x 9');
  assert.partialDeepStrictEqual(await holdersOf(path), [{ kind: "lock", mayWrite: true }]);
  exclusive.kill("SIGKILL");
  await once(exclusive, "close");
  await child(t, path, 'exec 9<"$1"; flock -s 9');
  assert.partialDeepStrictEqual(await holdersOf(path), [{ kind: "lock", mayWrite: false }]);
});

test("a path that leads nowhere is missing", async () => {
  await assert.rejects(findHolders(join(folder, "none.raw"), signal), { code: "DISK_MISSING" });
});
