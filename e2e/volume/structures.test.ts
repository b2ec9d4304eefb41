import assert from "node:assert/strict";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { checkStructures } from "#volume/check-structures.ts";
import type { StructureCheck } from "#volume/check-structures.ts";
import type { VolumeSource } from "#volume/source/source.ts";

import { later, newFolder, run, sparseFile } from "../disk/rig.ts";
import { skipUnless } from "./rig.ts";

// A structure that is called wrong and is not is a red light for nothing: these are made by the file systems' own programs.

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const ROUNDS = 20;

function fileSource(t: TestContext, path: string): VolumeSource {
  const file = openSync(path, "r");
  later(t, () => closeSync(file));
  return {
    sizeBytes: statSync(path).size,
    sectorBytes: null,
    read(offsetBytes, lengthBytes) {
      const into = new Uint8Array(lengthBytes);
      assert.equal(readSync(file, into, 0, lengthBytes, offsetBytes), lengthBytes);
      return Promise.resolve(into);
    },
  };
}

/** What is found of a file in several rounds, each at other places. */
async function rounds(t: TestContext, path: string): Promise<readonly StructureCheck[]> {
  const source = fileSource(t, path);
  const found: StructureCheck[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    found.push(await checkStructures(source, (count) => Math.floor(Math.random() * count), signal));
  }
  return found;
}

type Made = {
  readonly program: string;
  readonly sizeMiB: number;
  readonly args?: readonly string[];
  /** That are looked at, at least. */
  readonly least: number;
};

const made: readonly Made[] = [
  { program: "mkfs.ext4", sizeMiB: 3000, least: 11 },
  { program: "mkfs.ext4", sizeMiB: 300, args: ["-b", "1024"], least: 11 },
  { program: "mkfs.ext4", sizeMiB: 2000, args: ["-O", "meta_bg,^resize_inode"], least: 11 },
  { program: "mkfs.ext4", sizeMiB: 2000, args: ["-O", "metadata_csum_seed"], least: 11 },
  { program: "mkfs.ext4", sizeMiB: 2000, args: ["-O", "sparse_super2"], least: 8 },
  { program: "mkfs.ext4", sizeMiB: 2000, args: ["-O", "bigalloc", "-C", "65536"], least: 2 },
  { program: "mkfs.ext4", sizeMiB: 1000, args: ["-O", "^64bit"], least: 9 },
  { program: "mkfs.ext4", sizeMiB: 1000, args: ["-O", "^metadata_csum,uninit_bg"], least: 7 },
  { program: "mkfs.ext4", sizeMiB: 1000, args: ["-O", "^64bit,^metadata_csum,uninit_bg"], least: 7 },
  { program: "mkfs.xfs", sizeMiB: 1000, least: 17 },
  { program: "mkfs.xfs", sizeMiB: 1000, args: ["-s", "size=4096"], least: 17 },
  { program: "mkfs.btrfs", sizeMiB: 1000, least: 4 },
  { program: "mkfs.btrfs", sizeMiB: 1000, args: ["-m", "single", "--csum", "blake2"], least: 3 },
  { program: "mkfs.ntfs", sizeMiB: 200, args: ["-Q", "-F"], least: 9 },
  { program: "mkfs.ntfs", sizeMiB: 200, args: ["-Q", "-F", "-s", "4096", "-c", "4096"], least: 9 },
  { program: "mkfs.exfat", sizeMiB: 200, least: 2 },
];

for (const { program, sizeMiB, args = [], least } of made) {
  test(`no structure of a new file system is wrong: ${[program, ...args].join(" ")}`, async (t) => {
    if (skipUnless(t, program)) return;
    const path = sparseFile(newFolder(t), "volume", sizeMiB * MIB);
    run(program, ...args, path);
    for (const { right, asked } of await rounds(t, path)) {
      assert.equal(right, asked);
      assert.ok(asked >= least, `${asked} were looked at`);
    }
  });
}

test("nor of one whose UUID was changed, or that was enlarged", async (t) => {
  if (skipUnless(t, "mkfs.ext4", "tune2fs", "resize2fs", "mkfs.xfs", "xfs_admin")) return;
  const folder = newFolder(t);
  const ext = sparseFile(folder, "ext", 1000 * MIB);
  run("mkfs.ext4", "-q", "-O", "metadata_csum_seed", ext);
  run("tune2fs", "-U", "random", ext);
  run("truncate", "-s", String(2000 * MIB), ext);
  run("e2fsck", "-f", "-p", ext);
  run("resize2fs", ext);
  const xfs = sparseFile(folder, "xfs", 400 * MIB);
  run("mkfs.xfs", "-q", xfs);
  run("xfs_admin", "-U", "generate", xfs);
  for (const path of [ext, xfs]) {
    for (const { right, asked } of await rounds(t, path)) assert.deepEqual([right, asked > 8], [asked, true], path);
  }
});

test("FAT has nothing that could be wrong", async (t) => {
  if (skipUnless(t, "mkfs.fat")) return;
  const path = sparseFile(newFolder(t), "volume", 100 * MIB);
  run("mkfs.fat", path);
  const found = await rounds(t, path);
  assert.ok(found.every(({ recognised, asked }) => recognised && asked === 0));
});
