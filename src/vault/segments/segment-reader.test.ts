import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { Store } from "#store/contract.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { alter, flip, keysOf } from "#testing/vaults/damage.ts";
import { backUp, benchBackupOptions, VaultBench } from "#testing/vaults/vault-bench.ts";
import { rootFromText, segmentAt, slotAt } from "#vault/segments/pointer.ts";
import { PAGE_BYTES } from "#vault/segments/segment.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import { segmentReader } from "#vault/vault.ts";

const BLOCK = 4096;
const BLOCKS = 20;

/** A vault with one segment of twenty blocks, and a count of how often its table was read. */
async function trial(seed: string) {
  const bench = new VaultBench(seed);
  const definition = bench.disk("sda", 1, BLOCK);
  const log = await bench.createMachine([definition]);
  const content = seededRandom(seed)(BLOCKS * BLOCK);
  const lanes = { lanes: 1, threads: false, segmentBytes: 2 * BLOCKS * BLOCK };
  const { point } = await backUp(bench.vault(), log, definition, memoryDisk(content), { ...benchBackupOptions, lanes });

  const { store, calls } = recordingStore(bench.store);
  const vault = bench.vault(store);
  const tree = { root: rootFromText(point.disks[0]?.root ?? null), blocks: BLOCKS };
  const nodes = new NodeReader(segmentReader(vault, log, point.point), vault.keyring.keys, definition.id);
  const { pointers } = await new PointerCursor(nodes, tree).read(0, BLOCKS, bench.signal);
  const ref = { disk: definition.id, kind: "data", segment: segmentAt(pointers, 0) } as const;
  assert.equal(slotAt(pointers, 0), 0);

  const reader = segmentReader(vault, log, point.point);
  const read = async (slots: readonly number[]): Promise<Uint8Array> => {
    const buffer = new Uint8Array(BLOCKS * BLOCK);
    const into = new Uint8Array(slots.length * BLOCK);
    await reader.readSlots(ref, slots, buffer, into, (index) => index * BLOCK, bench.signal);
    return into;
  };
  const readLent = async (slots: readonly number[], lend: Store["lend"]): Promise<Uint8Array | null> => {
    const lending = segmentReader(bench.vault({ ...store, ...(lend === undefined ? {} : { lend }) }), log, point.point);
    const into = new Uint8Array(slots.length * BLOCK);
    return (await lending.readLent(ref, slots, into, (index) => index * BLOCK, bench.signal)) ? into : null;
  };
  const [key] = await keysOf(bench.store, (each) => each.includes("/data/"));
  assert.ok(key !== undefined);
  const tablesRead = (): number => calls.filter((call) => call.operation === "stat" && call.key === key).length;
  return { bench, content, read, readLent, key, tablesRead };
}

/** Lends objects as files with what the store has, cut to a length. */
function lendingFrom({ store, signal }: VaultBench, lengthBytes = Infinity): NonNullable<Store["lend"]> {
  return async (key, use) => {
    const folder = mkdtempSync(join(tmpdir(), "lockstep-lent-"));
    const path = join(folder, "object");
    const bytes = await store.get(key, 2 ** 20, signal);
    writeFileSync(path, (bytes ?? assert.fail()).subarray(0, lengthBytes));
    const descriptor = openSync(path, "r");
    try {
      return await use(descriptor);
    } finally {
      closeSync(descriptor);
      rmSync(folder, { recursive: true });
    }
  };
}

test("slots are read from a file that the store lends, in any order", async () => {
  const { bench, content, readLent } = await trial("lent");
  const blocks = [9, 3, 4].map((slot) => content.subarray(slot * BLOCK, (slot + 1) * BLOCK));
  const read = (await readLent([9, 3, 4], lendingFrom(bench))) ?? assert.fail();
  assert.equal(Buffer.compare(read, Buffer.concat(blocks)), 0);
});

test("what cannot be read from a lent file, or is not right in it, is left to another way", async () => {
  const { bench, readLent, read, key } = await trial("not lent");
  assert.equal(await readLent([3, 4], undefined), null);
  assert.equal(await readLent([3, 4], () => Promise.resolve(null)), null);
  assert.equal(await readLent([3, 4], lendingFrom(bench, PAGE_BYTES + 4 * BLOCK)), null);
  assert.equal(await readLent([3, 4], (_key, use) => use(9999)), null); // no such descriptor
  assert.equal(await readLent([3, 99], lendingFrom(bench)), null);
  await flip(bench.store, key, PAGE_BYTES + 4 * BLOCK + 1);
  assert.equal(await readLent([3, 4], lendingFrom(bench)), null);
  assert.notEqual(await readLent([3, 5], lendingFrom(bench)), null);
  await assert.rejects(read([3, 4]), { code: "BLOCK_DAMAGED", message: /slots 4:/ });
});

test("slots come to the places that their indices say, with what lies between them left out", async () => {
  const { content, read } = await trial("slots");
  const blocks = [3, 4, 9].map((slot) => content.subarray(slot * BLOCK, (slot + 1) * BLOCK));
  assert.equal(Buffer.compare(await read([3, 4, 9]), Buffer.concat(blocks)), 0);
});

test("a table is read once, however many ask for it at the same time", async () => {
  const { content, read, tablesRead } = await trial("tables");
  const all = await Promise.all([read([0]), read([5]), read([7, 9])]);
  assert.equal(Buffer.compare(all[1] ?? Buffer.alloc(0), content.subarray(5 * BLOCK, 6 * BLOCK)), 0);
  await read([11]);
  assert.equal(tablesRead(), 1);
});

test("whoever waits for a table that cannot be read fails too, and a later read tries again", async () => {
  const { bench, content, read, key } = await trial("broken");
  let whole = new Uint8Array();
  await alter(bench.store, key, (bytes) => {
    whole = bytes.slice();
    return bytes.subarray(0, 100);
  });
  for (const result of await Promise.allSettled([read([0]), read([1])])) {
    assert.equal(result.status, "rejected");
    assert.equal(result.status === "rejected" && (result.reason as { code?: unknown }).code, "BLOCK_DAMAGED");
  }
  await alter(bench.store, key, () => whole);
  assert.equal(Buffer.compare(await read([1]), content.subarray(BLOCK, 2 * BLOCK)), 0);
});

test("damage names its slot, not the others that were read with it", async () => {
  const { bench, read, key } = await trial("damage");
  await flip(bench.store, key, PAGE_BYTES + 4 * BLOCK + 1);
  await assert.rejects(read([3, 4, 5]), { code: "BLOCK_DAMAGED", message: /slots 4: bytes in .* are not what was/ });
});
