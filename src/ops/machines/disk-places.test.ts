import assert from "node:assert/strict";
import { test } from "node:test";

import { placeDisks } from "#ops/machines/disk-places.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

const disk = (name: string, path: string, more: Partial<DiskDefinition> = {}): DiskDefinition => ({
  id: "0".repeat(32) as DiskDefinition["id"],
  name,
  path,
  host: "host1",
  blockBytes: 65536,
  identity: { kind: "file", stableId: null, sizeBytes: 1, layoutHash: null },
  addedAt: "2026-01-01T00:00:00Z",
  ...more,
});

const machine = (name: string, ...disks: readonly DiskDefinition[]): MachineDefinition => ({
  name,
  disks,
  keep: "",
  everyHours: 24,
  timeZone: "UTC",
  protected: true,
});

function placed(paths: readonly string[], machines: readonly MachineDefinition[] = []): Record<string, string> {
  const places = placeDisks(paths, machines, "host1");
  return Object.fromEntries([...places].map(([path, { machine: of, disk: name }]) => [path, `${of} ${name}`]));
}

test("a disk is called as the machine that has it calls it", () => {
  const machines = [machine("web01", disk("root", "/images/a.raw"), disk("data", "/images/b.raw"))];
  assert.deepEqual(placed(["/images/a.raw", "/images/b.raw", "/images/c.raw"], machines), {
    "/images/a.raw": "web01 root",
    "/images/b.raw": "web01 data",
    "/images/c.raw": "c c",
  });
});

test("the same path on another host, or of a disk that was removed, is another disk", () => {
  const elsewhere = machine("web01", disk("root", "/images/a.raw", { host: "host2" }));
  const removed = machine("web01", disk("root", "/images/a.raw", { removedAt: "2026-01-02T00:00:00Z" }));
  assert.deepEqual(placed(["/images/a.raw"], [elsewhere, removed]), { "/images/a.raw": "a a" });
});

test("files of one name are told apart by their folders", () => {
  assert.deepEqual(placed(["/vms/web01/disk.raw", "/vms/db01/disk.raw", "/vms/dc01.raw"]), {
    "/vms/web01/disk.raw": "web01 disk",
    "/vms/db01/disk.raw": "db01 disk",
    "/vms/dc01.raw": "dc01 dc01",
  });
});
