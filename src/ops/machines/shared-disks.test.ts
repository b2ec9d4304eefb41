import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { sharedDisks } from "#ops/machines/shared-disks.ts";
import { VaultBench } from "#testing/vaults/vault-bench.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-shared-"));
after(() => rmSync(folder, { recursive: true }));

const bench = new VaultBench("shared");
const path = join(folder, "web01.raw");
writeFileSync(path, "x");
symlinkSync("web01.raw", join(folder, "link.raw"));

function disk(name: string, more: Partial<DiskDefinition> = {}): DiskDefinition {
  return { ...bench.disk(name, 8192), path, ...more };
}

function machine(known: DiskDefinition, more: Partial<MachineDefinition> = {}): MachineDefinition {
  return { name: "web01", disks: [known], keep: "", everyHours: 24, timeZone: "UTC", protected: true, ...more };
}

async function sharedWith(other: MachineDefinition, own: DiskDefinition): Promise<readonly string[]> {
  return (await sharedDisks([own], [other])).map(({ machine: name, name: diskName }) => `${name}/${diskName}`);
}

test("a disk that another machine has is found by its path, by a link to it, and by its id", async () => {
  const has = machine(disk("root"));
  assert.deepEqual(await sharedWith(has, disk("sda")), ["web01/root"]);
  assert.deepEqual(await sharedWith(has, disk("sda", { path: join(folder, "link.raw") })), ["web01/root"]);
  const identity = { kind: "block", stableId: "wwid:naa.5000", sizeBytes: 8192, layoutHash: null };
  const lun = machine(disk("root", { path: "/dev/sdb", identity }));
  assert.deepEqual(await sharedWith(lun, disk("sda", { path: "/dev/sdq", host: "other", identity })), ["web01/root"]);
});

test("another disk, another host's path, and what is backed up no longer are not shared", async () => {
  const known = disk("root");
  const own = disk("sda");
  assert.deepEqual(await sharedWith(machine(known), disk("sda", { path: join(folder, "none.raw") })), []);
  assert.deepEqual(await sharedWith(machine(disk("root", { host: "other" })), own), []);
  assert.deepEqual(await sharedWith(machine(known, { protected: false }), own), []);
  assert.deepEqual(await sharedWith(machine(disk("root", { removedAt: known.addedAt })), own), []);
  const swapped = disk("root", { identity: { ...known.identity, layoutHash: "aa" } });
  assert.deepEqual(await sharedWith(machine(swapped), own), []);
});
