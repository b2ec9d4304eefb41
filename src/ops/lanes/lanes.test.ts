import assert from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { concat, equalBytes } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import { LockstepError } from "#errors/errors.ts";
import type { FromLane, StretchSource } from "#ops/lanes/lane-protocol.ts";
import { Lanes } from "#ops/lanes/lanes.ts";
import type { LaneOptions, SegmentSink } from "#ops/lanes/lanes.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { firstGeneration, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId, SegmentId } from "#vault/object/ids.ts";
import { CHANGE_BYTES } from "#vault/segments/block-sealer.ts";
import { FLAG_UNREADABLE, parsePointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { Pointer } from "#vault/segments/pointer.ts";
import { parseTable } from "#vault/segments/segment-table.ts";
import { newSegmentCipher } from "#vault/segments/segment.ts";
import type { SegmentName } from "#vault/segments/segment.ts";
import { openSlot } from "#vault/segments/slot.ts";

const BLOCK = 4096;
const random = seededRandom("lanes");
const keys = testKeys(random);
const machine = newId<MachineId>(random);
const disk = newId<DiskId>(random);
const session = sessionId(2, random(8));
const fingerprintKey = random(32);

/** A sink that keeps whole objects. */
function memorySink(): SegmentSink & { readonly objects: Map<SegmentId, { name: SegmentName; bytes: Uint8Array }> } {
  const objects = new Map<SegmentId, { name: SegmentName; bytes: Uint8Array }>();
  let counter = 0;
  const named = (segment: SegmentId): SegmentName => ({
    machine,
    disk,
    kind: "data",
    segment,
    generation: firstGeneration,
  });
  return {
    objects,
    newSegment: () => {
      const segment = segmentId(session, counter++);
      return { segment, cipher: newSegmentCipher(keys, named(segment)) };
    },
    store: (grant, pieces) => {
      objects.set(grant.segment, { name: named(grant.segment), bytes: concat(...pieces) });
      return Promise.resolve();
    },
  };
}

function contentOf(sink: ReturnType<typeof memorySink>, { segment, slot }: Pointer): Uint8Array {
  const object = sink.objects.get(segment);
  assert.ok(object !== undefined, segment);
  const table = parseTable(keys, object.name, object.bytes);
  const { cipher } = table;
  const row = table.row(slot);
  assert.ok(row !== undefined);
  const plain = new Uint8Array(row.plainBytes);
  const stored = object.bytes.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
  assert.ok(openSlot(cipher, slot, row, stored, plain));
  return plain;
}

/** Seals all of `content` in stretches of ten blocks and gives the pointers of the blocks that changed. */
async function sealAll(
  lanes: Lanes,
  content: Uint8Array,
  base: Uint8Array,
  source: (at: number, length: number) => StretchSource,
): Promise<Map<number, Pointer | null>> {
  const found = new Map<number, Pointer | null>();
  const jobs: Promise<void>[] = [];
  for (let at = 0; at < content.length; at += 10 * BLOCK) {
    const length = Math.min(10 * BLOCK, content.length - at);
    const first = at / BLOCK;
    const pointers = base.subarray(first * POINTER_BYTES, (first + Math.ceil(length / BLOCK)) * POINTER_BYTES);
    const job = lanes.seal({ offsetBytes: at, lengthBytes: length, base: pointers, source: source(at, length) });
    jobs.push(
      job.then((sealed) => {
        assert.ok(sealed !== null);
        const view = new DataView(sealed.changes.buffer, sealed.changes.byteOffset);
        for (let i = 0; i < sealed.changes.length; i += CHANGE_BYTES) {
          found.set(first + view.getUint32(i, true), parsePointer(sealed.changes, i + 4));
        }
      }),
    );
  }
  await Promise.all(jobs);
  await lanes.flush();
  return found;
}

/** Forty blocks: every eighth of zeros, one of text, the last one cut short. */
const content = random(40 * BLOCK - 1000);
for (let block = 0; block < 40; block += 8) content.fill(0, block * BLOCK, (block + 1) * BLOCK);
content.fill(0x61, 9 * BLOCK, 10 * BLOCK);

/** A base in which block 3 is as it is now, and block 16 was not zeros. */
const base = new Uint8Array(40 * POINTER_BYTES);
base[3 * POINTER_BYTES] = 1;
base.set(fingerprinter(fingerprintKey).of(content.subarray(3 * BLOCK, 4 * BLOCK)), 3 * POINTER_BYTES + 20);
base[16 * POINTER_BYTES] = 1;

const variants: [string, LaneOptions][] = [
  ["one lane in the main thread", { lanes: 1, threads: false, segmentBytes: 7 * BLOCK }],
  ["three lanes in threads", { lanes: 3, threads: true, segmentBytes: 7 * BLOCK }],
];

for (const [name, options] of variants) {
  test(`${name}: what differs from the base is sealed, the rest is not, zeros take no room`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "lanes-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "disk"), content);
    const buffered = openSync(join(folder, "disk"), constants.O_RDONLY);
    t.after(() => closeSync(buffered));
    await using lanes = new Lanes(options);
    const sink = memorySink();
    lanes.begin({ blockBytes: BLOCK, fingerprintKey }, sink);
    const found = await sealAll(lanes, content, base, () => ({ kind: "descriptors", buffered, direct: null }));
    assert.equal(found.has(3), false);
    assert.equal(found.get(16), null);
    const sealed = [...found].filter((entry): entry is [number, Pointer] => entry[1] !== null);
    assert.equal(sealed.length, 40 - 5 - 1);
    for (const [block, pointer] of sealed) {
      assert.ok(equalBytes(contentOf(sink, pointer), content.subarray(block * BLOCK, (block + 1) * BLOCK)), `${block}`);
    }
    const stored = [...sink.objects.values()].reduce((sum, { bytes }) => sum + bytes.length - BLOCK, 0);
    assert.ok(stored < 33 * BLOCK + 40 * 24 + sink.objects.size * 32, `${stored}`); // the block of text is compressed
  });
}

test("a stretch that was read elsewhere is sealed too, and blocks with unreadable parts are marked", async () => {
  await using lanes = new Lanes({ lanes: 1, threads: false, segmentBytes: 20 * BLOCK });
  const sink = memorySink();
  lanes.begin({ blockBytes: BLOCK, fingerprintKey }, sink);
  const found = await sealAll(lanes, content, base, (at, length) => ({
    kind: "bytes",
    bytes: content.subarray(at, at + length),
    unreadable: at === 0 ? [3, 8] : [],
  }));
  assert.equal(found.get(3)?.flags, FLAG_UNREADABLE); // equal to the base's, but it was not read in full
  assert.equal(found.get(8)?.flags, FLAG_UNREADABLE); // zeros, but nobody knows that
  assert.equal(found.get(9)?.flags, 0);
});

test("comparing finds the blocks that are not what pointers say, zeros included", async () => {
  await using lanes = new Lanes({ lanes: 2, threads: true, segmentBytes: BLOCK });
  lanes.begin({ blockBytes: BLOCK, fingerprintKey }, null);
  const bytes = content.subarray(0, 10 * BLOCK);
  const pointers = base.subarray(0, 10 * POINTER_BYTES);
  const stretch = {
    offsetBytes: 0,
    lengthBytes: bytes.length,
    base: pointers,
    source: { kind: "bytes", bytes, unreadable: [] },
  } as const;
  assert.deepEqual(await lanes.compare(stretch), [1, 2, 4, 5, 6, 7, 9]);
});

test("a medium that refuses is reported, and the lane goes on", async () => {
  await using lanes = new Lanes({ lanes: 1, threads: true, segmentBytes: 20 * BLOCK });
  const sink = memorySink();
  lanes.begin({ blockBytes: BLOCK, fingerprintKey }, sink);
  const folder = openSync(tmpdir(), constants.O_RDONLY); // reading a folder fails with EISDIR
  const refused = {
    offsetBytes: 0,
    lengthBytes: BLOCK,
    base: base.subarray(0, POINTER_BYTES),
    source: { kind: "descriptors", buffered: folder, direct: null },
  } as const;
  assert.equal(await lanes.seal(refused), null);
  assert.equal(await lanes.compare(refused), null);
  closeSync(folder);
  const bytes = content.subarray(BLOCK, 2 * BLOCK);
  const good = await lanes.seal({ ...refused, source: { kind: "bytes", bytes, unreadable: [] } });
  assert.equal(good?.newBytes, BLOCK);
});

test("a store that fails ends the work with its error, also for what was asked before", async () => {
  await using lanes = new Lanes({ lanes: 1, threads: false, segmentBytes: 2 * BLOCK });
  const full = new LockstepError("STORE_FULL", "no room");
  lanes.begin({ blockBytes: BLOCK, fingerprintKey }, { ...memorySink(), store: () => Promise.reject(full) });
  await assert.rejects(
    sealAll(lanes, content, base, (at, length) => ({
      kind: "bytes",
      bytes: content.subarray(at, at + length),
      unreadable: [],
    })),
    { code: "STORE_FULL" },
  );
});

test("a lane's thread is stopped only once it has loaded: koffi ends the process when it is stopped in the midst of loading", async () => {
  const said: string[] = [];
  process.once("worker", (worker) => worker.on("message", (message: FromLane) => said.push(message.type)));
  const lanes = new Lanes({ lanes: 1, threads: true, segmentBytes: BLOCK * 8 });
  await lanes[Symbol.asyncDispose]();
  assert.deepEqual(said, ["ready"]);
});
