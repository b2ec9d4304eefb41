import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { cachingStore } from "#store/cached.ts";
import { memoryStore } from "#store/memory.ts";
import { ObjectCache } from "#store/object-cache.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { backUp, readBack, VaultBench } from "#testing/vaults/vault-bench.ts";
import { isNodeSegment, isSoundSegment } from "#vault/healing/sound-segment.ts";
import { PAGE_BYTES } from "#vault/segments/segment.ts";

const SIZE = 100 * 4096;

/** A vault with a point of one disk. */
async function rig(seed: string) {
  const bench = new VaultBench(seed, memoryStore({ singleDisk: true }));
  const disk = bench.disk("sda", SIZE);
  const log = await bench.createMachine([disk]);
  const content = seededRandom(`${seed} content`)(SIZE);
  const { point } = await backUp(bench.vault(), log, disk, memoryDisk(content));
  const { signal, store } = bench;
  const keys = (await Array.fromAsync(store.list("", {}, signal))).map(({ key }) => key);
  return { bench, disk, log, content, point, nodes: keys.filter(isNodeSegment), keys };
}

test("segments of nodes and their copies are sound as they were written, and not with a byte changed", async () => {
  const { bench, nodes } = await rig("sound");
  const { keys } = bench.vault().keyring;
  assert.ok(nodes.length >= 2 && nodes.some((key) => key.startsWith("copies/")));
  for (const key of nodes) {
    const bytes = await bench.store.get(key, 1 << 20, bench.signal);
    assert.ok(bytes !== null && isSoundSegment(keys, key, bytes));
    for (let at = PAGE_BYTES; at < bytes.length; at += 97) {
      assert.ok(!isSoundSegment(keys, key, bytes.with(at, (bytes[at] ?? 0) ^ 1)), `byte ${at}`);
    }
    for (const length of [0, 63, PAGE_BYTES, bytes.length - 1]) {
      assert.ok(!isSoundSegment(keys, key, bytes.subarray(0, length)), `${length} bytes`);
    }
  }
});

test("no other object is a segment of nodes", async () => {
  const { bench, keys, nodes } = await rig("others");
  const others = keys.filter((key) => !nodes.includes(key));
  assert.ok(others.some((key) => key.includes("/data/")) && others.some((key) => key.includes("/log/")));
  assert.ok(!isSoundSegment(bench.vault().keyring.keys, "vault.json", new Uint8Array(5000)));
});

test("a restore that has the nodes in its cache gets none from the store", async () => {
  const { bench, disk, log, content, point } = await rig("cached");
  const folder = await mkdtemp(join(tmpdir(), "lockstep-nodes-"));
  try {
    for (const expected of [true, false]) {
      const { store, calls } = recordingStore(bench.store);
      const vault = bench.vault();
      const cache = new ObjectCache(folder, {
        storeId: "vault",
        limitBytes: 1 << 20,
        now: vault.now,
        random: seededRandom(`cache ${expected}`),
      });
      const isSound = (key: string, bytes: Uint8Array): boolean => isSoundSegment(vault.keyring.keys, key, bytes);
      const through = bench.vault(cachingStore(store, cache, { wants: isNodeSegment, isSound }));
      const { bytes } = await readBack(through, await bench.log(through, log), point, disk);
      assert.deepEqual(bytes, content);
      assert.equal(
        calls.some(({ key }) => isNodeSegment(key)),
        expected,
      );
    }
    assert.equal((await readdir(folder)).length, 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});
