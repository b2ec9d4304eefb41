import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { hex } from "#bytes/text.ts";
import { readFileSystemId } from "#disk/file-system-id.ts";
import { compareIdentity } from "#disk/identity.ts";
import { openDisk } from "#disk/open.ts";

import { newFolder, run, sparseFile } from "./rig.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const first = "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11";
const second = "7c1a52d0-94c4-4a0e-8f7e-0d5d2b1a6c22";

const makers = {
  ext: { program: "mkfs.ext4", options: ["-q", "-U"] },
  xfs: { program: "mkfs.xfs", options: ["-q", "-m"], prefix: "uuid=" },
  btrfs: { program: "mkfs.btrfs", options: ["-q", "-U"] },
};

for (const [name, { program, options, ...more }] of Object.entries(makers)) {
  test(`${program}: its UUID is found, and another file system of its kind is another disk`, async (t) => {
    if (spawnSync("which", [program]).status !== 0) {
      console.error(`NOT TESTED: ${t.name}: needs ${program}`);
      return t.skip(`needs ${program}`);
    }
    const make = (file: string, uuid: string): string => {
      const path = sparseFile(newFolder(t), file, 320 * MIB);
      run(program, ...options, ("prefix" in more ? more.prefix : "") + uuid, path);
      return path;
    };
    await using disk = await openDisk(make("first.img", first), {}, signal);
    const found = await readFileSystemId((offset, into) => readInto(disk, offset, into), disk.sizeBytes);
    assert.deepEqual([found?.name, found && hex(found.id)], [name, first.replaceAll("-", "")]);
    await using other = await openDisk(make("second.img", second), {}, signal);
    assert.match(compareIdentity(disk.identity, other.identity).join(), /file system is another one/);
  });
}

async function readInto(
  disk: Awaited<ReturnType<typeof openDisk>>,
  offsetBytes: number,
  into: Uint8Array,
): Promise<void> {
  await disk.read(offsetBytes, into, signal);
}
