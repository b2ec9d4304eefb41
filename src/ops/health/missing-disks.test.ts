import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { missingDisks } from "#ops/health/missing-disks.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { VaultBench, backUp } from "#testing/vaults/vault-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-missing-"));
after(() => rmSync(folder, { recursive: true }));

async function machine(
  seed: string,
  path: string,
  more: { readonly protected?: boolean; readonly kind?: string } = {},
) {
  const { kind = "file", ...changes } = more;
  const bench = new VaultBench(seed);
  const made = bench.disk("sda", 8192);
  const disk = { ...made, path, identity: { ...made.identity, kind } };
  const log = await bench.createMachine([disk], changes);
  return { bench, disk, log };
}

test("a disk that is gone from this host is said, with how to say where it is", async () => {
  const { log } = await machine("gone", join(folder, "none.raw"));
  assert.deepEqual(await missingDisks(log.fold, "bench"), [
    {
      kind: "disk-missing",
      words: `its disk sda is not at ${folder}/none.raw`,
      hint: "say where it was moved to: `lockstep machine set web01 --disk sda=PATH`",
    },
  ]);
});

test("where a point has the disk, it can be had back from there", async () => {
  const { bench, disk, log } = await machine("lost", join(folder, "none.raw"));
  await backUp(bench.vault(), log, disk, memoryDisk(new Uint8Array(8192)));
  const [need] = await missingDisks(log.fold, "bench");
  assert.match(need?.hint ?? "", /; if it is lost: `lockstep restore web01 --disk sda --to \/\S+\/none\.raw`$/);
});

test("nothing is missing where it is there, belongs to another host, or is backed up no longer", async () => {
  const there = join(folder, "there.raw");
  writeFileSync(there, "x");
  assert.deepEqual(await missingDisks((await machine("there", there)).log.fold, "bench"), []);
  const { log } = await machine("elsewhere", join(folder, "none.raw"));
  assert.deepEqual(await missingDisks(log.fold, "other"), []);
  const unprotected = await machine("unprotected", join(folder, "none.raw"), { protected: false });
  assert.deepEqual(await missingDisks(unprotected.log.fold, "bench"), []);
  const behindFile = await machine("a file in its way", join(there, "none.raw"));
  assert.equal((await missingDisks(behindFile.log.fold, "bench")).length, 1);
});

test("a path is said as a shell takes it", async () => {
  const { bench, disk, log } = await machine("blank", join(folder, "web 01.raw"));
  await backUp(bench.vault(), log, disk, memoryDisk(new Uint8Array(8192)));
  const [need] = await missingDisks(log.fold, "bench");
  assert.match(need?.hint ?? "", /--to '\/\S+\/web 01\.raw'`$/);
});

test("a device that is gone is restored onto another device, and never to a file of its name", async () => {
  const { bench, disk, log } = await machine("device", "/dev/none-such", { kind: "block" });
  await backUp(bench.vault(), log, disk, memoryDisk(new Uint8Array(8192)));
  const [need] = await missingDisks(log.fold, "bench");
  assert.match(need?.hint ?? "", /; if it is lost: `lockstep restore web01 --disk sda --to DEVICE --in-place`$/);
});
