import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { partialSuffix } from "#disk/new-target.ts";
import { isLockstepError } from "#errors/errors.ts";
import { backup } from "#ops/backup/backup.ts";
import { nameOfPoint } from "#ops/points/find-point.ts";
import { pointWarnings } from "#ops/points/point-warnings.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { restoreFolder } from "#ops/restore/restore-folder.ts";
import { restoreInPlace } from "#ops/restore/restore-in-place.ts";
import { restoreNewFile } from "#ops/restore/restore-new-file.ts";
import { planFolder, planInPlace, planNewFile } from "#ops/restore/restore-plan.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { benchBackupOptions, benchSource, VaultBench } from "#testing/vaults/vault-bench.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import { readBody } from "#vault/point-body.ts";
import type { PointBody } from "#vault/point-body.ts";

const BLOCK = 4096;
const SIZE = 100 * BLOCK + 512;
const { signal } = new AbortController();

type Rig = {
  readonly folder: string;
  readonly deps: RestoreDeps;
  readonly body: PointBody;
  readonly disks: readonly PointDisk[];
  readonly contents: readonly Uint8Array[];
};

/** A point of two disks: data with a hole in it, and zeros only. */
async function rig(t: TestContext): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-restore-"));
  t.after(() => rm(folder, { recursive: true }));
  const bench = new VaultBench(t.name);
  const definitions = [bench.disk("root", 1), bench.disk("data", 1)];
  const log = await bench.createMachine(definitions);
  const vault = bench.vault();
  const root = seededRandom("root")(SIZE);
  root.fill(0, 30 * BLOCK, 60 * BLOCK);
  const contents = [root, new Uint8Array(50_000)];
  const sources = definitions.map((each, i) => benchSource(each, memoryDisk(contents[i] ?? root)));
  const { point } = await backup(vault, log, sources, benchBackupOptions, signal);
  const deps = { vault, log, point, name: nameOfPoint(log, point), lanes: { lanes: 1, threads: false } };
  const body = await readBody(vault, log.machine, point, signal);
  return {
    folder,
    deps: { ...deps, progress: () => undefined, unfinished: () => undefined },
    body,
    disks: point.disks,
    contents,
  };
}

function first({ disks, contents }: Rig): { disk: PointDisk; content: Uint8Array } {
  const [disk] = disks;
  const [content] = contents;
  assert.ok(disk !== undefined && content !== undefined);
  return { disk, content };
}

function isCancelled(error: unknown): boolean {
  return isLockstepError(error, "CANCELLED") || (error instanceof Error && error.name === "AbortError");
}

async function assertHolds(path: string, content: Uint8Array | undefined): Promise<void> {
  assert.ok((await readFile(path)).equals(content ?? new Uint8Array()), `${path} holds other bytes`);
}

test("a new file is the disk bit for bit, is as sparse, and gets its name only at the end", async (t) => {
  const all = await rig(t);
  const { disk, content } = first(all);
  const path = join(all.folder, "root.raw");
  const restored = await restoreNewFile(all.deps, disk, path, signal);
  await assertHolds(path, content);
  assert.equal(restored.writtenBytes, 71 * BLOCK - BLOCK + 512);
  assert.ok((await stat(path)).blocks * 512 < SIZE);
  assert.deepEqual(await readdir(all.folder), ["root.raw"]);
  await assert.rejects(restoreNewFile(all.deps, disk, path, signal), { code: "TARGET_EXISTS", hint: /--in-place/ });
});

test("whatever an interrupted restore left is gone on with, and not trusted", async (t) => {
  const all = await rig(t);
  const { disk, content } = first(all);
  const path = join(all.folder, "root.raw");
  const left = content.slice();
  left.fill(7, 10 * BLOCK, 12 * BLOCK);
  left.fill(7, 40 * BLOCK, 41 * BLOCK);
  await writeFile(`${path}${partialSuffix}`, left);
  const restored = await restoreNewFile(all.deps, disk, path, signal);
  await assertHolds(path, content);
  assert.equal(restored.resumed, true);
  assert.equal(restored.writtenBytes, 3 * BLOCK);
});

test("a partial file of holes is gone on with without its holes being read", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-restore-"));
  t.after(() => rm(folder, { recursive: true }));
  const bench = new VaultBench(t.name);
  const definition = bench.disk("root", 1, 4 * 1024 * 1024);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const size = 64 * 1024 * 1024;
  const content = new Uint8Array(size);
  content[size / 2] = 1;
  const holes = [
    { offsetBytes: 0, lengthBytes: size / 2 },
    { offsetBytes: size / 2 + 4096, lengthBytes: size / 2 - 4096 },
  ];
  const options = { ...benchBackupOptions, lanes: { ...benchBackupOptions.lanes, segmentBytes: 8 * 1024 * 1024 } };
  const { point } = await backup(
    vault,
    log,
    [benchSource(definition, memoryDisk(content, { holes }))],
    options,
    signal,
  );
  const [disk] = point.disks;
  assert.ok(disk !== undefined);
  const path = join(folder, "root.raw");
  await writeFile(`${path}${partialSuffix}`, "");
  await truncate(`${path}${partialSuffix}`, size);
  const readSoFar = async (): Promise<number> =>
    Number(/^rchar: (\d+)/.exec(await readFile("/proc/self/io", "utf8"))?.[1]);
  const before = await readSoFar();
  const lanes = { lanes: 1, threads: false };
  const quiet = { progress: () => undefined, unfinished: () => undefined };
  const deps = { vault, log, point, name: "web01@x", lanes, ...quiet };
  const { resumed } = await restoreNewFile(deps, disk, path, signal);
  assert.equal(resumed, true);
  assert.ok((await readSoFar()) - before < size / 8);
  assert.equal((await readFile(path))[size / 2], 1);
});

test("in place only what differs is written, and a longer file is cut", async (t) => {
  const all = await rig(t);
  const { disk, content } = first(all);
  const path = join(all.folder, "old.raw");
  const old = new Uint8Array(SIZE + 5000);
  old.set(content);
  old[0] = (old[0] ?? 0) ^ 1;
  old.fill(9, 50 * BLOCK, 51 * BLOCK);
  await writeFile(path, old);

  const plan = await planInPlace(all.deps, disk, path, signal);
  await assertHolds(path, old);
  assert.deepEqual(
    plan.disks.map(({ differentBytes, cutBytes }) => ({ differentBytes, cutBytes })),
    [{ differentBytes: 2 * BLOCK, cutBytes: 5000 }],
  );
  const restored = await restoreInPlace(all.deps, disk, path, signal);
  await assertHolds(path, content);
  assert.equal(restored.writtenBytes, 2 * BLOCK);
  assert.equal(restored.cutBytes, 5000);
  assert.equal((await restoreInPlace(all.deps, disk, path, signal)).writtenBytes, 0);
});

test("in place, stopped anywhere, says that it is not whole, and goes on to the exact bytes", async (t) => {
  const all = await rig(t);
  const { disk, content } = first(all);
  const path = join(all.folder, "old.raw");
  const stop = new AbortController();
  await writeFile(path, new Uint8Array(SIZE).fill(3));
  let done = 0;
  const progress = (bytes: number): void => {
    done += bytes;
    if (done > 40 * BLOCK) stop.abort();
  };
  const told: string[] = [];
  const deps = { ...all.deps, progress, unfinished: (what: string) => void told.push(what) };
  await assert.rejects(restoreInPlace(deps, disk, path, stop.signal), isCancelled);
  assert.deepEqual(told, [path]);
  const mark = (await readFile(path, "latin1")).slice(0, 500);
  assert.match(mark, /^LOCKSTEP RESTORE NOT FINISHED\npoint web01@2026-11-23T14:05 /);
  assert.ok(mark.includes(`lockstep restore ${all.deps.point.point} --disk root --to ${path} --in-place`), mark);
  await restoreInPlace(all.deps, disk, path, signal);
  await assertHolds(path, content);
});

test("in place, what is too short, not there or another image format is refused untouched", async (t) => {
  const all = await rig(t);
  const { disk } = first(all);
  const path = join(all.folder, "short.raw");
  await writeFile(path, "short");
  await assert.rejects(restoreInPlace(all.deps, disk, path, signal), { code: "TARGET_TOO_SMALL" });
  await assertHolds(path, Buffer.from("short"));
  await assert.rejects(restoreInPlace(all.deps, disk, `${path}2`, signal), { code: "TARGET_MISSING" });
  await writeFile(path, "QFI\xfb\0\0\0\x03", "latin1");
  await truncate(path, SIZE);
  await assert.rejects(restoreInPlace(all.deps, disk, path, signal), { code: "TARGET_UNSUPPORTED" });
});

test("a folder gets all disks and point.json, none of them over anything", async (t) => {
  const all = await rig(t);
  const folder = join(all.folder, "web01");
  await restoreFolder(all.deps, all.body, folder, signal);
  assert.deepEqual((await readdir(folder)).toSorted(), ["data.raw", "point.json", "root.raw"]);
  for (const [i, { name }] of all.disks.entries()) await assertHolds(join(folder, `${name}.raw`), all.contents[i]);
  const record = JSON.parse(await readFile(join(folder, "point.json"), "utf8")) as Record<string, unknown>;
  assert.equal(record["point"], all.deps.point.point);
  assert.equal(record["consistency"], "offline");
  await assert.rejects(restoreFolder(all.deps, all.body, folder, signal), { code: "TARGET_EXISTS" });
});

test("a folder that holds a file of a disk's name is refused before anything is written", async (t) => {
  const all = await rig(t);
  await writeFile(join(all.folder, "data.raw"), "mine");
  await assert.rejects(restoreFolder(all.deps, all.body, all.folder, signal), {
    code: "TARGET_EXISTS",
    message: /data\.raw/,
  });
  await assert.rejects(planFolder(all.deps, all.folder), { code: "TARGET_EXISTS" });
  await assertHolds(join(all.folder, "data.raw"), Buffer.from("mine"));
});

test("a restore to a folder that stopped between two names goes on, unless a disk was changed since", async (t) => {
  const all = await rig(t);
  const folder = join(all.folder, "web01");
  await restoreFolder(all.deps, all.body, folder, signal);
  const unname = async (name: string): Promise<void> =>
    rename(join(folder, name), join(folder, `${name}${partialSuffix}`));
  await unname("point.json");
  await unname("data.raw");
  const again = await restoreFolder(all.deps, all.body, folder, signal);
  assert.deepEqual(
    again.map(({ resumed, writtenBytes }) => ({ resumed, writtenBytes })),
    [
      { resumed: true, writtenBytes: 0 },
      { resumed: true, writtenBytes: 0 },
    ],
  );
  for (const [i, { name }] of all.disks.entries()) await assertHolds(join(folder, `${name}.raw`), all.contents[i]);

  await unname("point.json");
  await unname("data.raw");
  await writeFile(join(folder, "root.raw"), "booted", { flag: "r+" });
  await assert.rejects(restoreFolder(all.deps, all.body, folder, signal), {
    code: "TARGET_EXISTS",
    message: /root\.raw/,
  });
});

test("a plan says what would be written, and writes nothing", async (t) => {
  const all = await rig(t);
  const { disk } = first(all);
  const folder = join(all.folder, "new");
  const plan = await planFolder(all.deps, folder);
  assert.deepEqual(
    plan.disks.map(({ way, path }) => ({ way, path })),
    [
      { way: "new file", path: join(folder, "root.raw") },
      { way: "new file", path: join(folder, "data.raw") },
    ],
  );
  assert.equal(plan.room?.neededBytes, disk.dataBytes);
  const path = join(all.folder, "x.raw");
  await writeFile(`${path}${partialSuffix}`, "");
  assert.equal((await planNewFile({ disk, path })).disks[0]?.way, "go on with a partial file");
  assert.deepEqual(await readdir(all.folder), [`x.raw${partialSuffix}`]);
});

test("damage stops a restore, and nothing gets a name", async (t) => {
  const all = await rig(t);
  const { disk } = first(all);
  const { store } = all.deps.vault;
  for await (const { key } of store.list("machines/", {}, signal)) {
    if (key.includes("/data/")) await store.delete(key, signal);
  }
  const path = join(all.folder, "root.raw");
  await assert.rejects(restoreNewFile(all.deps, disk, path, signal), {
    code: "BLOCK_DAMAGED",
    message: /Disk root, bytes \d/,
  });
  assert.deepEqual(await readdir(all.folder), [`root.raw${partialSuffix}`]);
});

test("what a point lacks is said, for the disks that are wanted", async (t) => {
  const all = await rig(t);
  const { point } = all.deps;
  assert.deepEqual(pointWarnings(point, "web01@x", all.body, null), []);
  const body = {
    ...all.body,
    disks: all.body.disks.map((disk, i) => ({
      ...disk,
      unreadable: i === 0 ? [[512, 1024] as [number, number]] : [],
      torn: i === 0 ? null : "it was written to",
    })),
  };
  const bad = { ...point, consistency: "torn", dateDoubtful: true, unreadableBytes: 1024 } as const;
  const codes = (disks: ReadonlySet<string> | null): string[] =>
    pointWarnings(bad, "web01@x", body, disks).map(({ code }) => code);
  assert.deepEqual(codes(null), ["POINT_TORN", "POINT_INCOMPLETE", "POINT_DATE_DOUBTFUL"]);
  assert.deepEqual(codes(new Set(["data"])), ["POINT_TORN", "POINT_DATE_DOUBTFUL"]);
  const [torn, incomplete] = pointWarnings(bad, "web01@x", body, null);
  assert.match(torn?.message ?? "", /data: it was written to/);
  assert.match(incomplete?.message ?? "", /root: 1024 bytes .* bytes 512-1535$/);
});
