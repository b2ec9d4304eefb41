import fs from "node:fs";
import { openDirectoryStore } from "#store/directory.ts";
import { openDisk } from "#disk/open.ts";
import { createFileTarget } from "#disk/new-target.ts";
import { openExistingTarget } from "#disk/existing-target.ts";
import { backUp, VaultBench, benchSource } from "#testing/vault-bench.ts";
import { backup } from "#ops/backup.ts";
import { restoreDisk } from "#ops/restore-disk.ts";
import { Lanes } from "#ops/lanes.ts";
import { openMachine, segmentReader } from "#vault/vault.ts";
import { NodeReader } from "#vault/node-reader.ts";
import { rootFromText } from "#vault/pointer.ts";
import { fingerprintKey } from "#vault/vault-keys.ts";
import { listMachines } from "#vault/roster.ts";
const [, , cmd, img = "", dir = "", lanesN = "2", segMiB = "16"] = process.argv;
const { signal } = new AbortController();
fs.mkdirSync(dir, { recursive: true });
const store = await openDirectoryStore(dir, {}, signal);
const bench = new VaultBench("dev", store);
bench.clock.now = Temporal.Now.instant();
const vault = {
  ...bench.vault(),
  random: (n: number) => new Uint8Array(crypto.getRandomValues(new Uint8Array(n))),
  now: () => Temporal.Now.instant(),
};
const def = bench.disk("sda", 1, 65536);
const t0 = performance.now();
const { machines } = await listMachines({ store, keys: vault.keyring.keys }, signal);
const log = machines[0] ? await openMachine(vault, machines[0], null, signal) : await bench.createMachine([def]);
const opts = {
  lanes: { lanes: +lanesN, threads: true, segmentBytes: +segMiB << 20 },
  changesSince: null,
  tornOk: false,
  skipUnreadable: false,
  checkpointEvery: { minutes: 5, bytes: 2 ** 36 },
  progress: () => {},
};
let extra = "";
if (cmd === "backup") {
  await using source = await openDisk(img, {} as any, signal);
  const r = await backup(vault, log, [benchSource(def, source)], opts, signal);
  extra = `new ${(r.point.newBytes / 2 ** 20).toFixed(0)} stored ${(r.storedBytes / 2 ** 20).toFixed(1)} MiB`;
} else {
  const point = [...log.fold.points.values()].sort((a, b) => b.seq - a.seq)[0]!;
  const disk = point.disks[0]!;
  const segments = segmentReader(vault, log, point.point);
  const nodes = new NodeReader(segments, vault.keyring.keys, def.id);
  const tree = { root: rootFromText(disk.root), blocks: Math.ceil(disk.sizeBytes / 65536) };
  const stored = { disk: def.id, name: "sda", sizeBytes: disk.sizeBytes, blockBytes: 65536, tree };
  if (cmd === "restore") {
    await using target = await createFileTarget(img, disk.sizeBytes, { resume: false } as any, signal);
    await restoreDisk({ segments, nodes, target }, stored, { compare: null, progress: () => {} }, signal);
    await target.finish(signal);
  } else {
    await using target = await openExistingTarget(img, disk.sizeBytes, {}, signal);
    await using lanes = new Lanes(opts.lanes);
    lanes.begin({ blockBytes: 65536, fingerprintKey: fingerprintKey(vault.keyring.keys, def.id) }, null);
    const r = await restoreDisk({ segments, nodes, target }, stored, { compare: lanes, progress: () => {} }, signal);
    await target.flush(signal);
    extra = `wrote ${(r.writtenBytes / 2 ** 20).toFixed(1)} MiB`;
  }
}
await store[Symbol.asyncDispose]();
console.log(
  cmd,
  ((performance.now() - t0) / 1000).toFixed(2),
  "s",
  extra,
  "rss",
  Math.round(process.resourceUsage().maxRSS / 1024),
  "MB",
);
