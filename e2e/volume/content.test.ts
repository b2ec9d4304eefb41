import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { readContent } from "#volume/content.ts";
import type { Recognised } from "#volume/filesystem/recognised.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";
import type { VolumeSource } from "#volume/source/source.ts";

import { attach, later, newFolder, run, skipUnlessRoot, sparseFile } from "../disk/rig.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const UUID = "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11";

/** Skips the test, and says so, where a program is missing. @returns true when it must end */
function skipWithout(t: TestContext, ...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  if (missing.length === 0) return false;
  console.error(`NOT TESTED: ${t.name}: needs ${missing.join(", ")}`);
  t.skip(`needs ${missing.join(", ")}`);
  return true;
}

function fileSource(t: TestContext, path: string, sectorBytes: number | null = null): VolumeSource {
  const file = openSync(path, "r");
  later(t, () => closeSync(file));
  return {
    sizeBytes: statSync(path).size,
    sectorBytes,
    read(offsetBytes, lengthBytes) {
      const into = new Uint8Array(lengthBytes);
      assert.equal(readSync(file, into, 0, lengthBytes, offsetBytes), lengthBytes);
      return Promise.resolve(into);
    },
  };
}

async function recognised(t: TestContext, path: string): Promise<Recognised> {
  const content = await readContent(fileSource(t, path), signal);
  assert.ok(
    content.kind !== "empty" && content.kind !== "unknown",
    `nothing was recognised: ${JSON.stringify(content)}`,
  );
  return content;
}

/** What blkid says of it; null where it says nothing. */
function oracle(path: string): { type: string | null; label: string | null; uuid: string | null } {
  const lines = run("blkid", "--probe", "--output", "udev", path).split("\n");
  const value = (name: string): string | null => {
    const line = lines.find((each) => each.startsWith(`ID_FS_${name}_ENC=`) || each.startsWith(`ID_FS_${name}=`));
    const encoded = lines.find((each) => each.startsWith(`ID_FS_${name}_ENC=`)) ?? line;
    if (encoded === undefined) return null;
    const bytes = encoded
      .slice(encoded.indexOf("=") + 1)
      .replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => `%${digits}`);
    return decodeURIComponent(bytes);
  };
  return { type: value("TYPE"), label: value("LABEL"), uuid: value("UUID") };
}

/** Writes over a part of a file. */
function overwrite(path: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

type Made = {
  readonly name: string;
  readonly program: string;
  readonly sizeBytes: number;
  readonly args: readonly string[];
  readonly verified: Recognised["verified"];
  /** Wiping this place leaves a copy to read; null where the format has none. */
  readonly wipe?: { readonly offsetBytes: number; readonly lengthBytes: number };
};

const ext = { verified: "checksum", sizeBytes: 192 * MIB, wipe: { offsetBytes: 1024, lengthBytes: 1024 } } as const;
const sector = { offsetBytes: 0, lengthBytes: 512 };
const made: readonly Made[] = [
  { ...ext, name: "ext4", program: "mkfs.ext4", args: ["-L", "root fs", "-U", UUID, "-b", "4096"] },
  { ...ext, name: "ext4, 1 KiB", program: "mkfs.ext4", args: ["-L", "a", "-U", UUID, "-b", "1024"] },
  { ...ext, name: "ext4, 2 KiB", program: "mkfs.ext4", args: ["-b", "2048", "-O", "^64bit"] },
  {
    ...ext,
    name: "ext4, clusters",
    program: "mkfs.ext4",
    args: ["-b", "4096", "-O", "bigalloc", "-C", "65536"],
    wipe: sector,
  },
  { ...ext, name: "ext4, group sums", program: "mkfs.ext4", args: ["-b", "4096", "-O", "^metadata_csum,uninit_bg"] },
  { ...ext, name: "ext4, 32-bit group sums", program: "mkfs.ext4", args: ["-O", "^64bit,^metadata_csum,uninit_bg"] },
  { ...ext, name: "ext3", program: "mkfs.ext3", args: ["-L", "third"], verified: "structure" },
  { ...ext, name: "ext2", program: "mkfs.ext2", args: ["-L", "second", "-b", "1024"], verified: "structure" },
  {
    ...ext,
    name: "a journal",
    program: "mke2fs",
    args: ["-b", "4096", "-O", "journal_dev"],
    wipe: sector,
    verified: "structure",
  },
  {
    name: "XFS",
    program: "mkfs.xfs",
    sizeBytes: 320 * MIB,
    args: ["-L", "data", "-m", `uuid=${UUID}`],
    verified: "checksum",
    wipe: sector,
  },
  {
    name: "XFS 4",
    program: "mkfs.xfs",
    sizeBytes: 320 * MIB,
    args: ["-m", "crc=0"],
    verified: "structure",
    wipe: sector,
  },
  ...["crc32c", "xxhash", "sha256", "blake2"].map((sum) => ({
    name: `Btrfs with ${sum}`,
    program: "mkfs.btrfs",
    sizeBytes: 160 * MIB,
    args: ["-L", "pool", "-U", UUID, "--csum", sum],
    verified: "checksum" as const,
    wipe: { offsetBytes: 65536, lengthBytes: 4096 },
  })),
  {
    name: "FAT12",
    program: "mkfs.fat",
    sizeBytes: 2 * MIB,
    args: ["-F", "12", "-n", "SMALL", "-i", "deadbabe"],
    verified: "structure",
  },
  {
    name: "FAT16",
    program: "mkfs.fat",
    sizeBytes: 32 * MIB,
    args: ["-F", "16", "-n", "SIXTEEN"],
    verified: "structure",
  },
  {
    name: "FAT32",
    program: "mkfs.fat",
    sizeBytes: 64 * MIB,
    args: ["-F", "32", "-n", "EFI"],
    verified: "structure",
    wipe: sector,
  },
  {
    name: "FAT32, 4096",
    program: "mkfs.fat",
    sizeBytes: 300 * MIB,
    args: ["-F", "32", "-S", "4096"],
    verified: "structure",
    wipe: sector,
  },
  {
    name: "exFAT",
    program: "mkfs.exfat",
    sizeBytes: 32 * MIB,
    args: ["-L", "Stick é"],
    verified: "checksum",
    wipe: sector,
  },
  {
    name: "NTFS",
    program: "mkfs.ntfs",
    sizeBytes: 32 * MIB,
    args: ["-F", "-Q", "-L", "Windows é"],
    verified: "checksum",
    wipe: sector,
  },
  {
    name: "NTFS, 4096",
    program: "mkfs.ntfs",
    sizeBytes: 32 * MIB,
    args: ["-F", "-Q", "-s", "4096"],
    verified: "checksum",
    wipe: sector,
  },
  { name: "swap", program: "mkswap", sizeBytes: 4 * MIB, args: ["-L", "swap0", "-U", UUID], verified: "structure" },
  { name: "swap, 64 KiB", program: "mkswap", sizeBytes: 4 * MIB, args: ["-p", "65536"], verified: "structure" },
];

for (const { name, program, sizeBytes, args, verified, wipe } of made) {
  test(`${name}, as its own tool makes it, is recognised as blkid does, and by its copy`, async (t) => {
    if (skipWithout(t, program, "blkid")) return;
    const path = sparseFile(newFolder(t), "volume.raw", sizeBytes);
    run(program, ...(program.startsWith("mke2fs") ? ["-q"] : []), ...args, path);
    const found = await recognised(t, path);
    const { type, label, uuid } = oracle(path);
    assert.deepEqual([found.type, found.label, found.uuid], [type, label, uuid]);
    assert.equal(found.verified, verified);
    assert.deepEqual(found.problems, []);
    assert.equal(found.copy.which, "first");
    assert.ok(found.sizeBytes !== null && found.sizeBytes <= sizeBytes && found.sizeBytes > sizeBytes * 0.9);

    if (wipe === undefined || (wipe === sector && found.type.startsWith("ext")) || found.type === "jbd") return;
    overwrite(path, wipe.offsetBytes, new Uint8Array(wipe.lengthBytes));
    if (found.type === "btrfs") assert.ok(sizeBytes > 64 * MIB);
    const copy = await recognised(t, path);
    const isFromCopy = { which: "backup", offsetBytes: copy.copy.offsetBytes };
    assert.deepEqual([copy.type, copy.label, copy.uuid, copy.copy], [type, label, uuid, isFromCopy]);
    // only the first superblock's group has a checksum of its own in old ext4
    if (!name.includes("group sums")) assert.equal(copy.verified, verified);
  });
}

function partition(path: string, script: string): void {
  const { status, stderr } = spawnSync("sfdisk", ["-q", path], { input: script, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** A table as sfdisk sees it: first and last byte of each partition, its type, id and name. */
function sfdisk(path: string): unknown[] {
  const json = JSON.parse(run("sfdisk", "--json", path)) as {
    partitiontable: {
      sectorsize: number;
      partitions?: { start: number; size: number; type: string; uuid?: string; name?: string }[];
    };
  };
  const sectorBytes = json.partitiontable.sectorsize;
  return (json.partitiontable.partitions ?? [])
    .filter(({ type }) => !["5", "f", "85"].includes(type))
    .map(({ start, size, type, uuid, name }) => ({
      offsetBytes: start * sectorBytes,
      lengthBytes: size * sectorBytes,
      type: type.length > 2 ? type.toLowerCase() : `0x${type.padStart(2, "0")}`,
      uuid: uuid?.toLowerCase() ?? null,
      name: name ?? null,
    }));
}

async function ours(t: TestContext, path: string, sectorBytes: number | null): Promise<unknown[]> {
  const table = await readPartitionTable(fileSource(t, path, sectorBytes), signal);
  return (table?.partitions ?? []).map(({ place, typeId, uuid, name }) => ({
    ...place,
    type: typeId,
    uuid: typeId.startsWith("0x") ? null : uuid,
    name,
  }));
}

const gptScript =
  'label: gpt\nsize=1MiB, type=uefi, name="EFI system"\nsize=10MiB, type=linux, name="rôot"\ntype=swap\n';
const dosScript =
  "label: dos\nsize=5MiB, type=83, bootable\nsize=40MiB, type=5\nsize=5MiB, type=82\nsize=5MiB, type=83\nsize=5MiB, type=7\nsize=5MiB, type=c\ntype=83\n";

for (const [name, script, sectorBytes] of [
  ["GPT", gptScript, 512],
  ["GPT of 4096-byte sectors", gptScript, 4096],
  ["MBR with logical partitions", dosScript, 512],
  ["MBR of 4096-byte sectors", dosScript, 4096],
] as const) {
  test(`${name}: the partitions are those that sfdisk sees`, async (t) => {
    // sfdisk takes the sector size from the device
    if (sectorBytes === 512 ? skipWithout(t, "sfdisk") : skipUnlessRoot(t, "sfdisk")) return;
    const path = sparseFile(newFolder(t), "disk.raw", 64 * MIB);
    const device = sectorBytes === 512 ? path : attach(t, path, "--sector-size", String(sectorBytes));
    partition(device, script);
    const expected = sfdisk(device);
    assert.ok(expected.length >= 3);
    assert.deepEqual(await ours(t, path, sectorBytes), expected);
    if (!name.startsWith("GPT")) return;
    assert.deepEqual(await ours(t, path, null), expected);
    overwrite(path, 0, new Uint8Array(34 * sectorBytes));
    assert.deepEqual(await ours(t, path, null), expected, "by the second copy");
  });
}

test("a hybrid MBR, a disk that grew and a damaged copy are told as sgdisk makes them", async (t) => {
  if (skipWithout(t, "sgdisk")) return;
  const path = sparseFile(newFolder(t), "disk.raw", 64 * MIB);
  run("sgdisk", "-n", "1:0:+10M", "-n", "2:0:+10M", "-h", "1", path);
  const codes = async (): Promise<string[]> =>
    ((await readPartitionTable(fileSource(t, path), signal))?.problems ?? []).map(({ code }) => code);
  assert.deepEqual(await codes(), ["HYBRID_MBR"]);
  run("truncate", "-s", `${80 * MIB}`, path);
  assert.deepEqual(await codes(), ["COPY_NOT_AT_END", "HYBRID_MBR"]);
  overwrite(path, 2 * 512, new Uint8Array([1]));
  assert.deepEqual(await codes(), ["COPY_DAMAGED", "COPY_NOT_AT_END", "HYBRID_MBR"]);
});

for (const program of ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mkswap", "mkfs.fat", "mkfs.ntfs", "mkfs.exfat"]) {
  test(`a disk with a GPT that ${program} took as a whole has no partition table`, async (t) => {
    if (skipWithout(t, program, "sfdisk")) return;
    const path = sparseFile(newFolder(t), "disk.raw", 320 * MIB);
    partition(path, gptScript);
    assert.equal((await readPartitionTable(fileSource(t, path), signal))?.copies, "both good");
    const force = { "mkfs.ext4": ["-F", "-q"], "mkfs.fat": ["-I"], "mkfs.exfat": [] }[program] ?? ["-f"];
    run(program, ...(program === "mkfs.ntfs" ? ["-F", "-Q"] : force), path);
    const table = await readPartitionTable(fileSource(t, path), signal);
    assert.equal(table, null);
  });
}

for (const program of ["mkfs.ext4", "mkfs.xfs", "mkfs.fat", "mkfs.ntfs", "mkfs.exfat"]) {
  test(`a disk that ${program} took as a whole and that was divided since has its partitions`, async (t) => {
    if (skipWithout(t, program, "sfdisk", "sgdisk")) return;
    const folder = newFolder(t);
    const force = { "mkfs.fat": ["-I"], "mkfs.xfs": ["-f"], "mkfs.exfat": [], "mkfs.ntfs": ["-F", "-Q"] }[program];
    for (const [name, divide] of [
      ["sfdisk, GPT", (path: string) => partition(path, "label: gpt\n,\n")],
      ["sfdisk, MBR", (path: string) => partition(path, "label: dos\n,\n")],
      ["sgdisk", (path: string) => run("sgdisk", "-g", "-n", "1:2048:0", path)],
    ] as const) {
      const path = sparseFile(folder, `${name}.raw`, 320 * MIB);
      run(program, ...(force ?? ["-F", "-q"]), path);
      divide(path);
      const seen = sfdisk(path);
      assert.equal(seen.length, 1);
      const table = await readPartitionTable(fileSource(t, path), signal);
      assert.deepEqual(await ours(t, path, null), seen, name);
      const isTold = (table?.problems ?? []).some(({ code }) => code === "BOOT_SECTOR_TOO");
      assert.equal(isTold, program !== "mkfs.ext4", name);
    }
  });
}

test("logical volumes lie where LVM says, and those that are not plain have a reason", async (t) => {
  if (skipUnlessRoot(t, "pvcreate")) return;
  const folder = newFolder(t);
  const devices = ["a", "b"].map((name) => attach(t, sparseFile(folder, name, 128 * MIB)));
  const settings = `devices { use_devicesfile = 0 filter = [ ${devices.map((each) => `"a|^${each}$|"`).join(", ")}, "r|.*|" ] }`;
  const lvm = (command: string, ...args: string[]): string =>
    run("lvm", command, "--driverloaded", "n", "--config", settings, ...args);
  const [a = "", b = ""] = devices;
  lvm("pvcreate", "-q", "--metadatacopies", "2", a, b);
  lvm("vgcreate", "-q", "vg0", a, b);
  const create = (...args: string[]): string => lvm("lvcreate", "-q", "-an", "-Zn", "-Wn", ...args);
  create("-n", "one", "-l", "5", "vg0", a);
  create("-n", "two", "-l", "3", "vg0", a);
  lvm("lvextend", "-q", "-l", "+4", "vg0/one", a);
  create("-n", "other", "-l", "2", "vg0", b);
  create("-n", "wide", "-l", "4", "-i", "2", "vg0");

  const found = await recognised(t, join(folder, "a"));
  const { uuid, type } = oracle(a);
  assert.deepEqual([found.type, found.uuid, found.lvm?.group, found.verified], [type, uuid, "vg0", "checksum"]);
  assert.deepEqual(found.problems, []);
  const start = Number(lvm("pvs", "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start", a));
  const extent = Number(lvm("vgs", "--noheadings", "--nosuffix", "--units", "b", "-o", "vg_extent_size", "vg0"));
  const ranges = lvm("lvs", "--segments", "--noheadings", "-o", "lv_name,lv_uuid,seg_pe_ranges", "vg0")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  for (const name of ["one", "two"]) {
    const expected = ranges
      .filter(([each]) => each === name)
      .map(([, , range = ""]) => {
        const [first = 0, last = 0] = (range.split(":")[1] ?? "").split("-").map(Number);
        return { offsetBytes: start + first * extent, lengthBytes: (last - first + 1) * extent };
      });
    const volume = found.lvm?.logicalVolumes.find((each) => each.name === name);
    assert.deepEqual(volume?.stretches, expected);
    assert.equal(volume?.uuid, ranges.find(([each]) => each === name)?.[1]);
  }
  const reasonOf = (name: string): string =>
    found.lvm?.logicalVolumes.find((each) => each.name === name)?.reason ?? "none";
  assert.match(reasonOf("other"), /another physical volume/);
  assert.match(reasonOf("wide"), /striped/);

  overwrite(join(folder, "a"), 4096, new Uint8Array(512));
  const second = await recognised(t, join(folder, "a"));
  assert.deepEqual(second.lvm, found.lvm, "by the metadata area at the end");
  assert.deepEqual(
    second.problems.map(({ code }) => code),
    ["COPY_DAMAGED"],
  );
});
