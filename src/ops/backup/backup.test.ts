import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { backup } from "#ops/backup/backup.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import {
  backUp,
  BENCH_BLOCK_BYTES,
  benchBackupOptions,
  benchSource,
  readBack,
  VaultBench,
} from "#testing/vaults/vault-bench.ts";

const BLOCK = BENCH_BLOCK_BYTES;

test("every point of a disk that changes, grows and shrinks reads back bit for bit", async () => {
  const change = fc.record({ at: fc.nat(200_000), length: fc.integer({ min: 1, max: 30_000 }), zero: fc.boolean() });
  const version = fc.record({
    sizeBytes: fc.integer({ min: 1, max: 200_000 }),
    changes: fc.array(change, { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 4 }), fc.integer(), async (versions, seed) => {
      const bench = new VaultBench(`versions ${seed}`);
      const random = seededRandom(`content ${seed}`);
      const definition = bench.disk("sda", 1);
      const log = await bench.createMachine([definition]);
      const vault = bench.vault();
      let content = new Uint8Array(0);
      const taken = [];
      for (const { sizeBytes, changes } of versions) {
        const next = new Uint8Array(sizeBytes);
        next.set(content.subarray(0, sizeBytes));
        for (const { at, length, zero } of changes) {
          const part = next.subarray(at, at + length);
          if (zero) part.fill(0);
          else part.set(random(part.length));
        }
        content = next;
        const { point } = await backUp(vault, log, definition, memoryDisk(content));
        taken.push({ point, content });
      }
      for (const { point, content: expected } of taken) {
        const { bytes } = await readBack(vault, log, point, definition);
        assert.deepEqual(Buffer.from(bytes), Buffer.from(expected));
      }
    }),
    { numRuns: 15 },
  );
});

test("a second backup stores what changed, and no more than the tree over it besides", async () => {
  const bench = new VaultBench("incremental");
  const content = seededRandom("disk")(4 * 1024 * 1024);
  const definition = bench.disk("sda", content.length, 65_536);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const options = { lanes: { ...benchBackupOptions.lanes, segmentBytes: 1024 * 1024 } };
  const first = await backUp(vault, log, definition, memoryDisk(content), options);
  assert.equal(first.point.newBytes, content.length);
  content[100_000] = (content[100_000] ?? 0) ^ 1;
  const second = await backUp(vault, log, definition, memoryDisk(content), options);
  assert.equal(second.point.newBytes, 65_536);
  assert.ok(second.storedBytes < 65_536 * 1.25, `${second.storedBytes}`);
  assert.equal(second.point.base, first.point.point);
});

test("several disks are one point, each with its own blocks", async () => {
  const bench = new VaultBench("two disks");
  const random = seededRandom("two");
  const disks = [bench.disk("root", 1), bench.disk("data", 1)] as const;
  const log = await bench.createMachine(disks);
  const vault = bench.vault();
  const contents = [random(50_000), new Uint8Array(70_000)] as const;
  const sources = [benchSource(disks[0], memoryDisk(contents[0])), benchSource(disks[1], memoryDisk(contents[1]))];
  const { point } = await backup(vault, log, sources, benchBackupOptions, bench.signal);
  assert.equal(point.disks.length, 2);
  assert.equal(point.disks[1]?.root, null);
  for (const [index, disk] of disks.entries()) {
    const { bytes } = await readBack(vault, log, point, disk);
    assert.deepEqual(Buffer.from(bytes), Buffer.from(contents[index] ?? []));
  }
});

test("a backup that died goes on from its last checkpoint", async () => {
  const bench = new VaultBench("resume");
  const content = seededRandom("resume")(100 * BLOCK);
  const definition = bench.disk("sda", content.length);
  const log = await bench.createMachine([definition]);
  const dying = memoryDisk(content, { unreadable: [{ offsetBytes: 90 * BLOCK, lengthBytes: BLOCK }] });
  const options = { checkpointEvery: { minutes: 60, bytes: 10 * BLOCK } };
  const cut = {
    ...dying,
    async *dataRanges() {
      for (let block = 0; block < 100; block += 5) yield { offsetBytes: block * BLOCK, lengthBytes: 5 * BLOCK - 1 };
    },
  };
  await assert.rejects(backUp(bench.vault(), log, definition, cut, options), { code: "DISK_UNREADABLE" });
  const vault = bench.vault();
  const again = await backUp(vault, await bench.log(vault, log), definition, memoryDisk(content), options);
  assert.equal(again.resumed, true);
  assert.ok(again.point.newBytes <= 30 * BLOCK, `${again.point.newBytes / BLOCK} blocks`);
  const { bytes } = await readBack(vault, log, again.point, definition);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(content));
});

test("a disk that is written to meanwhile makes no point, or a torn one where that was asked for", async () => {
  const bench = new VaultBench("torn");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const disk = memoryDisk(seededRandom("torn")(20_000));
  disk.written = "its modification time moved";
  await assert.rejects(backUp(vault, log, definition, disk), { code: "DISK_IN_USE", message: /modification time/ });
  assert.equal(log.fold.points.size, 0);
  const { point } = await backUp(vault, log, definition, disk, { tornOk: true });
  assert.equal(point.consistency, "torn");
});

test("a disk that is written to while a later one is read is not of the instant of the point", async () => {
  const bench = new VaultBench("two disks");
  const definitions = [bench.disk("sda", 20_000), bench.disk("sdb", 20_000)] as const;
  const log = await bench.createMachine(definitions);
  const vault = bench.vault();
  const first = memoryDisk(seededRandom("first")(20_000));
  const second = memoryDisk(seededRandom("second")(20_000));
  const writing: typeof second = {
    ...second,
    writtenSince: async (signal) => {
      first.written = "its modification time moved";
      return await second.writtenSince(signal);
    },
  };
  const sources = [benchSource(definitions[0], first), benchSource(definitions[1], writing)];
  await assert.rejects(backup(vault, log, sources, benchBackupOptions, bench.signal), { code: "DISK_IN_USE" });
  assert.equal(log.fold.points.size, 0);
  first.written = null;
  const { point } = await backup(vault, log, sources, { ...benchBackupOptions, tornOk: true }, bench.signal);
  assert.equal(point.consistency, "torn");
});

test("what the medium refuses fails the backup, or is noted and counted as incomplete when restored", async () => {
  const bench = new VaultBench("unreadable");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const content = seededRandom("unreadable")(10 * BLOCK);
  const lost = { offsetBytes: 3 * BLOCK + 512, lengthBytes: 512 };
  const disk = memoryDisk(content, { unreadable: [lost] });
  await assert.rejects(backUp(vault, log, definition, disk), { code: "DISK_UNREADABLE" });
  const { point, unreadable } = await backUp(vault, log, definition, disk, { skipUnreadable: true });
  assert.deepEqual([...unreadable.values()].flat(), [lost]);
  assert.equal(point.unreadableBytes, 512);
  const { bytes, restored } = await readBack(vault, log, point, definition);
  assert.equal(restored.incompleteBytes, BLOCK);
  const expected = content.slice();
  expected.fill(0, lost.offsetBytes, lost.offsetBytes + lost.lengthBytes);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(expected));
});

test("a list of changes gives the same point as a scan, and must start from the newest point", async () => {
  const bench = new VaultBench("ranges");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const content = seededRandom("ranges")(50 * BLOCK);
  const first = await backUp(vault, log, definition, memoryDisk(content));
  content.fill(7, 10 * BLOCK + 5, 12 * BLOCK);
  content.fill(0, 40 * BLOCK, 41 * BLOCK);
  const ranges = [
    { offsetBytes: 10 * BLOCK + 5, lengthBytes: 2 * BLOCK - 5 },
    { offsetBytes: 40 * BLOCK, lengthBytes: BLOCK },
  ];
  const source = benchSource(definition, memoryDisk(content), { changes: { kind: "ranges", ranges } });
  const since = { ...benchBackupOptions, changesSince: first.point.point };
  const { point } = await backup(vault, log, [source], since, bench.signal);
  assert.equal(point.disks[0]?.dataBytes, 49 * BLOCK);
  assert.equal(point.readBytes, 3 * BLOCK);
  const { bytes } = await readBack(vault, log, point, definition);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(content));
  await assert.rejects(backup(vault, log, [source], since, bench.signal), { code: "RANGES_WRONG_BASE" });
});

test("on a store of one disk, a tree whose nodes are lost is read from their second copies", async () => {
  const store = memoryStore({ singleDisk: true });
  const bench = new VaultBench("copies", store);
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const content = seededRandom("copies")(80 * BLOCK);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  for await (const { key } of store.list("machines/", {}, bench.signal)) {
    if (key.includes("/nodes/")) await store.delete(key, bench.signal);
  }
  const { bytes } = await readBack(vault, log, point, definition);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(content));
});

test("a block that the vault lost is healed by the next backup, for the old point too", async () => {
  const bench = new VaultBench("heal");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const content = seededRandom("heal")(40 * BLOCK);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  const keys: string[] = [];
  for await (const { key } of bench.store.list("machines/", {}, bench.signal))
    if (key.includes("/data/")) keys.push(key);
  await bench.store.delete(keys[0] ?? "", bench.signal);
  await assert.rejects(readBack(vault, log, point, definition), {
    code: "BLOCK_DAMAGED",
    message: /Disk sda, bytes 0-65535/,
  });
  const segment = (keys[0] ?? "").split("/").at(-1)?.slice(0, 34) as never;
  const items = [{ kind: "data", segment, generation: "0" as never, slots: [[0, 16]] as const }] as const;
  await log.append(() => ({ type: "damaged", disk: definition.id, items }), bench.signal);
  const second = await backUp(vault, log, definition, memoryDisk(content));
  assert.equal(second.healedSlots, 16);
  assert.equal(second.point.newBytes, 0);
  const { bytes } = await readBack(vault, log, point, definition);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(content));
});
