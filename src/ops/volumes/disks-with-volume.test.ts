import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { disksWithVolume } from "#ops/volumes/disks-with-volume.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { inspect } from "#volume/inspect.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();

function machine(name: string, disks: readonly DiskDefinition[]): MachineDefinition {
  return { name, disks, keep: "", everyHours: 24, timeZone: "UTC", protected: true };
}

function disk(name: string, path: string, more: Partial<DiskDefinition> = {}): DiskDefinition {
  const identity = { kind: "file", stableId: null, sizeBytes: 1, layoutHash: null };
  const id = "0".repeat(32) as DiskId;
  return { id, name, path, host: "here", blockBytes: 65_536, identity, addedAt: "2026-01-01T00:00:00Z", ...more };
}

test("a volume is found on the disks of this host that have it, whatever they are called; what cannot be read is passed over", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-disks-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("a.raw"), sampleVolume);
  writeFileSync(at("plain.raw"), new Uint8Array(1024 * 1024));
  const { map } = await inspect(memorySource(sampleVolume), signal);
  const identity = map.volumes[0]?.encrypted?.identity ?? "";
  assert.match(identity, /^[0-9a-f]{64}$/);

  const machines = [
    machine("db01", [disk("gone", at("none.raw")), disk("plain", at("plain.raw"))]),
    machine("web01", [
      disk("elsewhere", at("a.raw"), { host: "there" }),
      disk("removed", at("a.raw"), { removedAt: "2026-01-02T00:00:00Z" }),
      disk("root", at("a.raw")),
    ]),
  ];
  const found = await disksWithVolume(machines, { host: "here", identity }, signal);
  assert.deepEqual(found, [{ machine: "web01", disk: "root", path: at("a.raw") }]);
  assert.deepEqual(await disksWithVolume(machines, { host: "here", identity: "f".repeat(64) }, signal), []);
});
