import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";

import { findDisks } from "#disk/watch-folders.ts";

const signal = new AbortController().signal;
const MIB = 1024 * 1024;

function tree(t: TestContext, files: Record<string, { head?: string | Uint8Array; sizeBytes: number }>): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-watch-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, { head = "", sizeBytes }] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), head);
    truncateSync(join(folder, name), sizeBytes);
  }
  return folder;
}

async function found(folder: string): Promise<string[]> {
  const { disks } = await findDisks([folder], signal);
  return disks.map(({ path, format, sizeBytes }) => `${path.slice(folder.length + 1)} ${format} ${sizeBytes}`);
}

test("disks are found by extension, by magic, or by being large and nothing else", async (t) => {
  const folder = tree(t, {
    "web01.raw": { sizeBytes: 512 },
    "DC01.IMG": { sizeBytes: 4096 },
    "a/b/c/db01": { sizeBytes: 4 * MIB },
    "old.qcow2": { head: Uint8Array.of(0x51, 0x46, 0x49, 0xfb), sizeBytes: 4096 },
    "a/disk.vmdk": { head: "# Disk DescriptorFile\n", sizeBytes: 22 },
  });
  assert.deepEqual(await found(folder), [
    "DC01.IMG raw 4096",
    `a/b/c/db01 raw ${4 * MIB}`,
    "a/disk.vmdk VMDK 22",
    "old.qcow2 qcow2 4096",
    "web01.raw raw 512",
  ]);
});

test("text, archives, ISO images, small, empty, partial and deep files are no disks", async (t) => {
  const iso = new Uint8Array(33 * 1024);
  iso.set(new TextEncoder().encode("CD001"), 32769);
  const folder = tree(t, {
    "qemu.log": { head: "ä line\n".repeat(300_000), sizeBytes: 8 * 300_000 },
    "backup.gz": { head: Uint8Array.of(0x1f, 0x8b), sizeBytes: 2 * MIB },
    "install.iso": { head: iso, sizeBytes: 2 * MIB },
    "nvram.fd": { sizeBytes: MIB - 1 },
    "empty.raw": { sizeBytes: 0 },
    "web01.raw.lockstep-partial": { sizeBytes: 2 * MIB },
    "a/b/c/d/deep.raw": { sizeBytes: 512 },
  });
  assert.deepEqual(await found(folder), []);
});

test("a link to a file counts once, links to folders and to nowhere do not", async (t) => {
  const folder = tree(t, { "store/web01.raw": { sizeBytes: 512 } });
  symlinkSync(join(folder, "store", "web01.raw"), join(folder, "web01.raw"));
  symlinkSync(folder, join(folder, "store", "loop"));
  symlinkSync(join(folder, "nowhere"), join(folder, "lost.raw"));
  const { disks, skipped } = await findDisks([folder], signal);
  assert.equal(disks.length, 1);
  assert.deepEqual(skipped, []);
});

test("a folder that cannot be looked at is named, and the others are looked at", async (t) => {
  const folder = tree(t, { "web01.raw": { sizeBytes: 512 } });
  const none = join(folder, "none");
  const { disks, skipped } = await findDisks([none, folder], signal);
  assert.equal(disks.length, 1);
  assert.deepEqual(skipped, [`${none} could not be looked at (ENOENT)`]);
});
