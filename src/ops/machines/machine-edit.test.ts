import assert from "node:assert/strict";
import { test } from "node:test";

import type { DiskIdentity } from "#disk/contract.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import { withDisk, withDiskAt, withIdentities, withoutDisk } from "#ops/machines/machine-edit.ts";
import { VaultBench } from "#testing/vaults/vault-bench.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";

const bench = new VaultBench("machine edit");
const root = bench.disk("root", 4096);
const data = bench.disk("data", 4096);
const machine: MachineDefinition = {
  name: "web01",
  disks: [root],
  keep: "",
  everyHours: 24,
  timeZone: "UTC",
  protected: true,
};
const removedAt = Temporal.Instant.from("2026-11-23T14:05:00Z");
const identity = (layoutHash: string | null): DiskIdentity => ({
  kind: "file",
  stableId: null,
  sizeBytes: 8192,
  layoutHash,
});

test("a disk that is removed keeps its place, and its name is free again", () => {
  const without = withoutDisk(withDisk(machine, data), "data", removedAt);
  assert.deepEqual(disksInUse(without), [root]);
  assert.equal(without.disks[1]?.removedAt, removedAt.toString());
  const again = { ...bench.disk("data again", 4096), name: "data" };
  assert.deepEqual(disksInUse(withDisk(without, again)), [root, again]);
});

test("two disks of one name, a disk that is not there, and no disk at all are refused", () => {
  assert.throws(() => withDisk(machine, { ...data, name: "root" }), { code: "NAME_TAKEN" });
  assert.throws(() => withoutDisk(machine, "data", removedAt), { code: "NAME_UNKNOWN", hint: /root/ });
  assert.throws(() => withoutDisk(machine, "root", removedAt), { code: "ARGUMENT_INVALID" });
});

test("what is at a path is backed up once, until it is removed", () => {
  const twice = { ...bench.disk("twice", 4096), name: "twice", path: root.path, host: root.host };
  assert.throws(() => withDisk(machine, twice), { code: "ARGUMENT_INVALID", message: /as its disk root/ });
  const without = withoutDisk(withDisk(machine, data), "root", removedAt);
  assert.deepEqual(disksInUse(withDisk(without, twice)), [data, twice]);
});

test("a disk may move and grow; one that looks like another must be accepted", () => {
  const place = { path: "/new/root", host: "other", identity: identity(null) };
  const moved = withDiskAt(machine, "root", place, false);
  assert.deepEqual(moved.disks, [{ ...root, ...place }]);
  const other = { ...place, identity: identity("ab") };
  assert.throws(() => withDiskAt(machine, "root", other, false), { code: "DISK_CHANGED", message: /has one now/ });
  assert.deepEqual(withDiskAt(machine, "root", other, true).disks[0]?.identity, other.identity);
});

test("only the disks that are named are known by something else afterwards", () => {
  const both = withDisk(machine, data);
  const changed = withIdentities(both, new Map([[data.id, identity("ab")]]));
  assert.deepEqual(changed.disks, [root, { ...data, identity: identity("ab") }]);
});
