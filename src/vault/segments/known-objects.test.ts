import assert from "node:assert/strict";
import { test } from "node:test";

import { seededRandom } from "#testing/random.ts";
import { firstGeneration, generationId, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId, PointId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { isCopyKey, parseObjectKey } from "#vault/segments/known-objects.ts";

const random = seededRandom("names");
const machine = newId<MachineId>(random);
const disk = newId<DiskId>(random);
const point = newId<PointId>(random);
const session = sessionId(7, random(8));
const segment = segmentId(session, 3);
const generation = generationId(session, random(16));

const known = [
  [objectKeys.vault, { what: "vault" }],
  [objectKeys.keyring(2), { what: "keyring" }],
  [objectKeys.roster(machine), { what: "roster", machine }],
  [objectKeys.logEntry(machine, 5), { what: "entry", machine, seq: 5 }],
  [objectKeys.summary(machine, 6), { what: "summary", machine, seq: 6 }],
  [objectKeys.point(machine, session, point), { what: "body", machine, session, point }],
  [
    objectKeys.segment(machine, disk, "data", segment, firstGeneration),
    { what: "segment", machine, disk, kind: "data", segment, generation: firstGeneration },
  ],
  [
    objectKeys.segment(machine, disk, "nodes", segment, generation),
    { what: "segment", machine, disk, kind: "nodes", segment, generation },
  ],
] as const;

test("every key that a vault writes says what it is, and its second copy says the same", () => {
  for (const [key, object] of known) {
    assert.deepEqual(parseObjectKey(key), object);
    assert.deepEqual(parseObjectKey(objectKeys.copy(key)), object);
    assert.deepEqual([isCopyKey(key), isCopyKey(objectKeys.copy(key))], [false, true]);
  }
});

test("a key with anything missing, added or changed is nobody's", () => {
  for (const [key] of known) {
    for (const other of [
      `${key}x`,
      `x${key}`,
      `${key}/x`,
      key.slice(0, -1),
      key.toUpperCase(),
      key.replace("/", "//"),
    ]) {
      if (other !== key) assert.equal(parseObjectKey(other), null, other);
    }
  }
  for (const other of [
    "",
    "copies",
    "copies/",
    "machines/",
    `machines/${machine}`,
    `copies/copies/${objectKeys.vault}`,
  ]) {
    assert.equal(parseObjectKey(other), null, other);
  }
});

test("copies of a key store and claims of its epochs are known, and their second copies are not", () => {
  for (const key of ["keystore/00000001-0000000a", "keystore/epoch-00000002"]) {
    assert.deepEqual(parseObjectKey(key), { what: "keystore" });
    assert.equal(parseObjectKey(objectKeys.copy(key)), null);
  }
  assert.equal(parseObjectKey("keystore/00000001"), null);
});
