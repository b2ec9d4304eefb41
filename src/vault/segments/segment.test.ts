import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { isLockstepError, LockstepError } from "#errors/errors.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { firstGeneration, generationId, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, MachineId } from "#vault/object/ids.ts";
import { SegmentBuilder } from "#vault/segments/segment-builder.ts";
import { parseTable, readTable } from "#vault/segments/segment-table.ts";
import { keyOfSegment, newSegmentCipher, PAGE_BYTES } from "#vault/segments/segment.ts";
import type { SegmentName } from "#vault/segments/segment.ts";
import { openSlot } from "#vault/segments/slot.ts";

const random = seededRandom("segment");
const keys = testKeys(random);
const session = sessionId(5, random(8));
const { signal } = new AbortController();

function named(generation: GenerationId = firstGeneration, counter = 0): SegmentName {
  return { machine, disk, kind: "data", segment: segmentId(session, counter), generation };
}
const machine = newId<MachineId>(random);
const disk = newId<DiskId>(random);

/** Contents by slot; null for one that is left out. */
function build(name: SegmentName, contents: readonly (Uint8Array | null)[]): Uint8Array {
  const room = contents.reduce((sum, content) => sum + (content?.length ?? 0), PAGE_BYTES);
  const builder = new SegmentBuilder(newSegmentCipher(keys, name), new Uint8Array(room));
  for (const content of contents) {
    if (content === null) builder.skip();
    else builder.add(content, true);
  }
  return concat(...builder.finish());
}

function readAll(name: SegmentName, object: Uint8Array): (Uint8Array | null)[] {
  const table = parseTable(keys, name, object);
  return [...table.rows()].map((row, slot) => {
    if (row.plainBytes === 0) return null;
    const plain = new Uint8Array(row.plainBytes);
    const stored = object.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
    if (!openSlot(table.cipher, slot, row, stored, plain)) throw new LockstepError("OBJECT_CORRUPT", `slot ${slot}`);
    return plain;
  });
}

const content = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 3000 }),
  fc.integer({ min: 1, max: 9000 }).map((length) => new Uint8Array(length).fill(7)),
  fc.constant(null),
);

test("slots come back as they were sealed, compressed or not, and those left out are known", () => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 12 }), (contents) => {
      const name = named(generationId(session, random(16)));
      assert.deepEqual(readAll(name, build(name, contents)), contents);
    }),
  );
});

test("a table is read from a store by its ends alone, whatever its length", async () => {
  const store = memoryStore();
  for (const [counter, slots] of [0, 1, 700, 3000].entries()) {
    const name = named(firstGeneration, counter);
    const contents = Array.from({ length: slots }, () => random(3));
    const object = build(name, contents);
    const { key } = newSegmentCipher(keys, name);
    await store.put(key, [object], {}, signal);
    const table = await readTable(store, keys, name, signal);
    assert.deepEqual([...table.rows()], [...parseTable(keys, name, object).rows()]);
    assert.equal(table.slotCount, slots);
  }
  await assert.rejects(readTable(store, keys, named(firstGeneration, 99), signal), { code: "OBJECT_MISSING" });
});

test("any byte changed between page and end is noticed, and nothing but a LockstepError is thrown", () => {
  const name = named();
  const object = build(name, [random(100), null, new Uint8Array(4000), random(50)]);
  for (let at = 0; at < object.length; at = at === 63 ? PAGE_BYTES : at + 1) {
    const bad = object.slice();
    bad[at] = (bad[at] ?? 0) ^ 0x10;
    assert.throws(
      () => readAll(name, bad),
      (error) => isLockstepError(error),
      `byte ${at}`,
    );
  }
});

test("a header that seems newer is told from one that is: the table opens under the one that was sealed", async () => {
  const object = build(named(), [random(100)]);
  for (const at of [12, 13, 16, 19]) {
    const damaged = object.with(at, (object[at] ?? 0) ^ 2);
    assert.throws(() => parseTable(keys, named(), damaged), { code: "OBJECT_CORRUPT", message: /its header is not/ });
    const store = memoryStore();
    await store.put(keyOfSegment(named()), [damaged], {}, signal);
    await assert.rejects(readTable(store, keys, named(), signal), { code: "OBJECT_CORRUPT" });

    const newer = damaged.with(PAGE_BYTES + 110, (damaged[PAGE_BYTES + 110] ?? 0) ^ 1); // another table than ours
    assert.throws(() => parseTable(keys, named(), newer), { code: "VAULT_NEWER" });
    await store.delete(keyOfSegment(named()), signal);
    await store.put(keyOfSegment(named()), [newer], {}, signal);
    await assert.rejects(readTable(store, keys, named(), signal), { code: "VAULT_NEWER" });
  }
});

test("a cut object and a longer one are refused", () => {
  const name = named();
  const object = build(name, [random(100), random(50)]);
  for (let length = 0; length < object.length; length += 7) {
    assert.throws(
      () => parseTable(keys, name, object.subarray(0, length)),
      (error) => isLockstepError(error),
    );
  }
  assert.throws(() => parseTable(keys, name, concat(object, new Uint8Array(8))), { code: "OBJECT_CORRUPT" });
});

test("an object under another segment's, generation's or disk's name is refused", () => {
  const object = build(named(), [random(100)]);
  const others: SegmentName[] = [
    named(firstGeneration, 1),
    named(generationId(session, random(16))),
    { ...named(), disk: newId<DiskId>(random) },
    { ...named(), machine: newId<MachineId>(random) },
  ];
  for (const other of others) assert.throws(() => parseTable(keys, other, object), { code: "OBJECT_CORRUPT" });
  assert.throws(() => parseTable(keys, { ...named(), kind: "nodes" }, object), { code: "OBJECT_CORRUPT" });
});

test("a slot put in another slot's place does not open", () => {
  const name = named();
  const object = build(name, [random(64), random(64)]);
  const table = parseTable(keys, name, object);
  const { cipher } = table;
  const [first, second] = table.rows();
  assert.ok(first !== undefined && second !== undefined);
  const stored = object.subarray(second.offsetBytes, second.offsetBytes + second.storedBytes);
  assert.equal(openSlot(cipher, 0, second, stored, new Uint8Array(64)), false);
  assert.equal(openSlot(cipher, 1, second, stored, new Uint8Array(64)), true);
});

test("a full segment takes no more, and says so without writing", () => {
  const name = named();
  const builder = new SegmentBuilder(newSegmentCipher(keys, name), new Uint8Array(PAGE_BYTES + 100));
  assert.equal(builder.add(random(60), false), 0);
  assert.equal(builder.add(random(60), false), null);
  assert.equal(builder.add(random(40), false), 1);
  assert.equal(builder.storedBytes, 100);
});
