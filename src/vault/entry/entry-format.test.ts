import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import fc from "fast-check";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { LogBench, firstSegment } from "#testing/vaults/log-bench.ts";
import { parseEntry, writeEntry } from "#vault/entry/entry-format.ts";
import type { EntryDraft, EntryHead } from "#vault/entry/entry.ts";
import { firstGeneration, newId, sessionId } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";

const bench = new LogBench("entry format");
const session = sessionId(2, bench.random(8));
const point = newId<PointId>(bench.random);
const head: EntryHead = {
  seq: 7,
  previous: "ab".repeat(32),
  at: "2026-11-23T14:05:00.25Z",
  host: "host-a",
  program: "0.1.0",
  keyring: { generation: 3, hash: "cd".repeat(32) },
};
const drafts: readonly EntryDraft[] = [
  { type: "machine", machine: bench.definition() },
  {
    type: "opened",
    lane: "backup",
    nonce: "0123456789abcdef",
    base: point,
    adopts: { session, checkpointSeq: 3 },
    closes: session,
  },
  bench.checkpointDraft(session),
  { type: "closed", session },
  bench.pointDraft(session),
  { type: "deleted", point, by: "rule", reason: "daily=7" },
  { type: "undeleted", point, deletion: 6 },
  { type: "purged", point, deletion: 6, session },
  bench.replacedDraft(session, firstSegment(session), firstGeneration, [1, 2]).draft,
  bench.damagedDraft(firstSegment(session), 65_535),
  bench.sweptDraft(session, firstSegment(session)),
  bench.volumesDraft(point, "ab".repeat(32)),
  bench.verdictDraft(point, { verdict: "rejected", version: null, derivedAt: null }),
  bench.receiptDraft("5".repeat(32), { epoch: 2 }),
  {
    type: "keystore",
    compatible: true,
    store: "5".repeat(32),
    signingKey: Buffer.alloc(32).toString("base64"),
    proofDays: 7,
  },
  { type: "checked", compatible: true, points: null, upTo: 6, part: [3, 7], startedAt: head.at, hurt: [point] },
  { type: "checked", compatible: true, points: [point], upTo: 6, part: null, startedAt: head.at, hurt: [] },
  { type: "keyring", generation: 4, hash: "ef".repeat(32) },
  { type: "clock", confirmedAt: "2026-11-23T14:05:00Z" },
];

const [verdictItem] = bench.verdictDraft(point).items;

function changed(draft: EntryDraft, change: object): Uint8Array {
  return utf8(JSON.stringify({ ...head, ...draft, ...change }));
}

test("every type of entry comes back as it was written", () => {
  for (const draft of drafts)
    assert.deepEqual(parseEntry(writeEntry({ ...head, ...draft }), "entry"), { ...head, ...draft });
});

test("the example in the format's description is an entry", () => {
  const text = readFileSync(new URL("../../../docs/format/log.md", import.meta.url), "utf8");
  const example = /```json\n(.*?)```/s.exec(text)?.[1] ?? "";
  assert.equal(parseEntry(utf8(example), "example").type, "opened");
});

test("an unknown type is skipped when it says that it may be, and refused as newer when not", () => {
  const omen = { ...head, type: "omen", light: "green" };
  assert.deepEqual(parseEntry(utf8(JSON.stringify({ ...omen, compatible: true })), "entry"), {
    ...head,
    type: "unknown",
  });
  for (const compatible of [false, undefined]) {
    assert.throws(() => parseEntry(utf8(JSON.stringify({ ...omen, compatible })), "log entry 7"), {
      code: "VAULT_NEWER",
      message: /log entry 7 .*"omen"/,
    });
  }
});

test("an unknown field of a known type is refused as newer, and named", () => {
  for (const draft of drafts) {
    assert.throws(() => parseEntry(changed(draft, { tide: 1 }), "entry"), { code: "VAULT_NEWER", message: /"tide"/ });
  }
});

test("a field of a wrong shape is refused, and named", () => {
  const wrong: readonly [number, object, RegExp][] = [
    [3, { seq: 0 }, /seq/],
    [3, { seq: 1.5 }, /seq/],
    [3, { seq: 2 ** 53 }, /seq/],
    [3, { previous: "AB".repeat(32) }, /previous/],
    [3, { at: "2026-02-30T00:00:00Z" }, /at/],
    [3, { at: "2026-11-23T14:05:00+01:00" }, /at/],
    [3, { host: "a\u001b[2J" }, /host/],
    [3, { host: "x".repeat(256) }, /host/],
    [3, { session: "00000002-0123" }, /session/],
    [2, { disks: [{ disk: bench.disk, sizeBytes: -1, root: null }] }, /disks\.0\.sizeBytes/],
    [2, { disks: [{ disk: bench.disk, sizeBytes: 1, root: "no base64" }] }, /disks\.0\.root/],
    [4, { disks: [] }, /disks/],
    [4, { consistency: "perfect" }, /consistency/],
    [6, { deletion: "6" }, /deletion/],
    [10, { compatible: false }, /compatible/],
    [12, { items: [{ ...verdictItem, signature: "AAAA" }] }, /items\.0\.signature/],
    [14, { signingKey: "AAAA" }, /signingKey/],
    [14, { proofDays: 0 }, /proofDays/],
    [15, { part: [8, 7] }, /part/],
    [15, { part: [1, 101] }, /part/],
    [0, { machine: { ...bench.definition(), everyHours: 0 } }, /machine\.everyHours/],
    [
      0,
      { machine: { ...bench.definition(), disks: [1, 1].flatMap(() => bench.definition().disks) } },
      /machine\.disks/,
    ],
  ];
  for (const [at, change, message] of wrong) {
    const draft = drafts[at];
    assert.ok(draft !== undefined);
    assert.throws(() => parseEntry(changed(draft, change), "entry"), { code: "LOG_CORRUPT", message });
  }
});

test("ranges of slots must be in order, apart, and within a segment", () => {
  const segment = firstSegment(session);
  for (const slots of [
    [[3, 0]],
    [
      [3, 2],
      [5, 1],
    ],
    [
      [5, 1],
      [3, 1],
    ],
    [[65_535, 2]],
    [],
  ]) {
    const items = [{ kind: "data", segment, generation: "0", slots }];
    const bytes = utf8(JSON.stringify({ ...head, type: "damaged", disk: bench.disk, items }));
    assert.throws(() => parseEntry(bytes, "entry"), { code: "LOG_CORRUPT", message: /slots/ });
  }
});

test("a draft that breaks the format is a bug, and is not written", () => {
  const reason = "line one\nline two";
  assert.throws(() => writeEntry({ ...head, type: "deleted", point, by: "person", reason }), TypeError);
});

test("no payload makes it throw anything but a LockstepError", () => {
  const whole = fromUtf8(writeEntry({ ...head, ...bench.pointDraft(session) }));
  const damaged = fc.tuple(fc.nat(whole.length - 1), fc.string({ maxLength: 3 }));
  const payload = fc.oneof(
    fc.json().map(utf8),
    fc.uint8Array({ maxLength: 40 }),
    damaged.map(([at, text]) => utf8(whole.slice(0, at) + text + whole.slice(at + 1))),
  );
  const survives = (bytes: Uint8Array): void => {
    try {
      parseEntry(bytes, "entry");
    } catch (error) {
      assert.ok(error instanceof LockstepError, String(error));
    }
  };
  fc.assert(fc.property(payload, survives), { numRuns: 300 });
});
