import assert from "node:assert/strict";
import { test } from "node:test";

import type { DiskTarget } from "#disk/contract.ts";
import { isLockstepError, LockstepError } from "#errors/errors.ts";
import { Lanes } from "#ops/lanes/lanes.ts";
import { restoreDisk } from "#ops/restore/restore-disk.ts";
import type { RestoredDisk, RestoreDiskOptions } from "#ops/restore/restore-disk.ts";
import { memoryDisk, memoryTarget } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { backUp, benchBackupOptions, VaultBench } from "#testing/vaults/vault-bench.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import { rootFromText } from "#vault/segments/pointer.ts";
import { PAGE_BYTES } from "#vault/segments/segment.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { segmentReader } from "#vault/vault.ts";

const BLOCK = 4096;
/** Windows of 64 blocks. */
const WINDOW = 64 * BLOCK;
const lanes = { lanes: 1, threads: false, segmentBytes: 40 * BLOCK };

/** A vault with points of one disk, and what restores them. */
async function trial(seed: string, versions: readonly Uint8Array[]) {
  const bench = new VaultBench(seed);
  const definition = bench.disk("sda", 1, BLOCK);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const points: PointState[] = [];
  for (const content of versions) {
    points.push((await backUp(vault, log, definition, memoryDisk(content), { ...benchBackupOptions, lanes })).point);
  }
  const restore = async (
    point: PointState | undefined,
    target: DiskTarget,
    more: Partial<RestoreDiskOptions> = {},
  ): Promise<RestoredDisk> => {
    const disk = point?.disks[0];
    assert.ok(point !== undefined && disk !== undefined);
    const segments = segmentReader(vault, log, point.point);
    const nodes = new NodeReader(segments, vault.keyring.keys, definition.id);
    const tree = { root: rootFromText(disk.root), blocks: Math.ceil(disk.sizeBytes / BLOCK) };
    const stored = { disk: definition.id, name: "sda", sizeBytes: disk.sizeBytes, blockBytes: BLOCK, tree };
    const options = { compare: null, windowBytes: WINDOW, progress: () => undefined, ...more };
    return restoreDisk({ segments, nodes, target }, stored, options, bench.signal);
  };
  const comparing = (): Lanes => {
    const compare = new Lanes(lanes);
    compare.begin({ blockBytes: BLOCK, fingerprintKey: fingerprintKey(vault.keyring.keys, definition.id) }, null);
    return compare;
  };
  return { points, restore, comparing, store: bench.store };
}

function same(a: Uint8Array, b: Uint8Array): void {
  assert.equal(Buffer.compare(a, b), 0);
}

/** A disk of several windows: mostly random, some of it compressible, some zeros, a cut last block. */
function mixedDisk(seed: string): Uint8Array {
  const content = seededRandom(seed)(300 * BLOCK + 1234);
  content.fill(0, 50 * BLOCK, 70 * BLOCK);
  content.fill(0x61, 100 * BLOCK, 105 * BLOCK);
  content.fill(0x62, 200 * BLOCK, 240 * BLOCK);
  return content;
}

/** Bytes in blocks of zeros. */
function zerosIn(content: Uint8Array): number {
  let bytes = 0;
  for (let at = 0; at < content.length; at += BLOCK) {
    const block = content.subarray(at, at + BLOCK);
    if (block.every((byte) => byte === 0)) bytes += block.length;
  }
  return bytes;
}

/** Changes single blocks all over. */
function aged(content: Uint8Array, seed: string): Uint8Array {
  const random = seededRandom(seed);
  const next = content.slice();
  for (let block = 0; block * BLOCK < content.length; block++) {
    if ((random(1)[0] ?? 0) < 64) next.set(random(100), block * BLOCK);
  }
  return next;
}

test("disks of several windows come back, new or aged, compressed or not", async () => {
  const first = mixedDisk("windows");
  const second = aged(first, "age 1");
  const third = aged(second, "age 2");
  const { points, restore } = await trial("windows", [first, second, third]);
  for (const [index, content] of [first, second, third].entries()) {
    const target = memoryTarget(content.length);
    const { writtenBytes } = await restore(points[index], target);
    same(target.bytes, content);
    assert.equal(writtenBytes, content.length - zerosIn(content)); // a new file needs no zeros written
  }
});

test("in place only what differs is written, zeros where the target has something else too", async () => {
  const content = mixedDisk("in place");
  const { points, restore, comparing } = await trial("in place", [content]);
  const before = content.slice();
  before.fill(0xee, 20 * BLOCK, 20 * BLOCK + 10);
  before.fill(0xee, 60 * BLOCK, 60 * BLOCK + 10);
  before.fill(0xee, 300 * BLOCK + 1230);
  const target = memoryTarget(before);
  await using compare = comparing();
  const { writtenBytes, zeroedBytes } = await restore(points[0], target, { compare });
  same(target.bytes, content);
  assert.equal(zeroedBytes, BLOCK);
  assert.equal(writtenBytes, 2 * BLOCK + 1234);
});

test("a target that does not start as zeros gets its zeros written", async () => {
  const content = mixedDisk("zeros");
  const { points, restore } = await trial("zeros", [content]);
  const target = memoryTarget(new Uint8Array(content.length).fill(0xff));
  const { zeroedBytes } = await restore(points[0], target);
  same(target.bytes, content);
  assert.equal(zeroedBytes, 20 * BLOCK);
});

test("a target that fails once ends the restore with its error, whichever write it is", async () => {
  const first = mixedDisk("fails");
  const { points, restore } = await trial("fails", [first, aged(first, "fails aged")]);
  for (const k of [1, 2, 5, 9]) {
    const target = memoryTarget(first.length);
    let writes = 0;
    const failing: DiskTarget = {
      ...target,
      write: (offsetBytes, from, signal) => {
        if (++writes === k) return Promise.reject(new LockstepError("TARGET_FULL", "no room"));
        return target.write(offsetBytes, from, signal);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    await assert.rejects(restore(points[1], failing), { code: "TARGET_FULL" });
  }
});

test("progress adds up to the size of the disk", async () => {
  const content = mixedDisk("progress");
  const { points, restore } = await trial("progress", [content]);
  let done = 0;
  await restore(points[0], memoryTarget(content.length), { progress: (bytes) => void (done += bytes) });
  assert.equal(done, content.length);
});

test("damage of an aged disk names the bytes that are lost, and hurts nothing else", async () => {
  const first = mixedDisk("damage");
  const second = aged(first, "damage aged");
  const { points, restore, store } = await trial("damage", [first, second]);
  const lost: number[] = [];
  for (const key of await keysOf(store, (each) => each.includes("/data/"))) {
    await flip(store, key, PAGE_BYTES + 10); // in slot 0, which the newer point may have no use for
    const target = memoryTarget(second.length);
    const error = await restore(points[1], target).then(
      () => null,
      (reason: unknown) => reason,
    );
    await flip(store, key, PAGE_BYTES + 10);
    if (error === null) {
      same(target.bytes, second);
      continue;
    }
    assert.ok(isLockstepError(error, "BLOCK_DAMAGED"));
    const [, from, to] = /^Disk sda, bytes (\d+)-(\d+): data segment \S+ slots 0: /.exec(error.message) ?? [];
    assert.equal(Number(to) + 1 - Number(from), BLOCK, error.message);
    lost.push(Number(from));
  }
  assert.ok(lost.length > 3 && new Set(lost).size === lost.length, lost.join());
});
