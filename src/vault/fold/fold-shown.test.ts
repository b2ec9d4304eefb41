import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8 } from "#bytes/text.ts";
import { LogBench, firstSegment, force, must } from "#testing/vaults/log-bench.ts";
import type { CheckFinding, EntryDraft } from "#vault/entry/entry.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import { bytesGoodAt, wholeChecks } from "#vault/healing/bytes-good.ts";
import type { Log } from "#vault/log/log.ts";
import { parseSummary, writeSummary } from "#vault/log/summary-format.ts";
import { firstGeneration, newId } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";

function check(log: Log, change: Partial<CheckFinding>): EntryDraft {
  const { seq } = log.fold;
  const startedAt = "2026-11-23T14:05:00Z";
  const finding: CheckFinding = { points: null, upTo: seq, part: [1, 1], startedAt, hurt: [], ...change };
  return { type: "checked", compatible: true, ...finding };
}

const goodAt = (log: Log, point: PointId): string => {
  const state = log.fold.points.get(point);
  assert.ok(state !== undefined);
  return bytesGoodAt(state, wholeChecks(log.fold)).toString();
};

test("of the verdicts on a volume the one that was logged last stays, and when it was last opened is not forgotten", async () => {
  const bench = new LogBench("verdicts");
  const log = await bench.create();
  const point = await bench.point(log);
  const opened = bench.now.toString();
  await must(log, bench.verdictDraft(point));
  await must(log, bench.verdictDraft(point, { volume: "2", verdict: "opens" }));
  await must(log, bench.verdictDraft(point, { verdict: "version unusable", version: null, derivedAt: null }));

  const shown = log.fold.points.get(point)?.shown ?? [];
  const facts = shown.map(({ volume, verdict, openedAt }) => [volume, verdict, openedAt]);
  assert.deepEqual(facts, [
    ["2", "opens", opened],
    ["1", "version unusable", opened],
  ]);
});

test("what is said of a point that is purged counts for nothing, and the others in the entry count", async () => {
  const bench = new LogBench("purged");
  const log = await bench.create();
  const point = await bench.point(log);
  const gone = newId<PointId>(bench.random);
  const ofBoth = [gone, point].flatMap((id) => bench.verdictDraft(id).items);
  const { ignored } = await force(log, { type: "verdict", compatible: true, items: ofBoth });
  assert.match(ignored[0] ?? "", new RegExp(`${gone} is purged or never was`));
  assert.equal(log.fold.points.get(point)?.shown.length, 1);
});

test("of a key store's receipts the newest stays, by epoch and then by its audit log", async () => {
  const bench = new LogBench("receipts");
  const log = await bench.create();
  const [store, other] = ["a".repeat(32), "b".repeat(32)];
  await must(log, bench.receiptDraft(store, { epoch: 2, auditSeq: 5 }));
  await must(log, bench.receiptDraft(store, { epoch: 2, auditSeq: 4 }));
  await must(log, bench.receiptDraft(store, { epoch: 1, auditSeq: 900 }));
  await must(log, bench.receiptDraft(other));
  assert.equal(log.fold.receipts.get(store)?.auditSeq, 5);
  assert.equal(log.fold.receipts.size, 2);
  await must(log, bench.receiptDraft(store, { epoch: 3, auditSeq: 1 }));
  assert.equal(log.fold.receipts.get(store)?.epoch, 3);
});

test("the key store whose word counts is the one that was logged last, what it signs with never changes, and another one's verdicts are none of it", async () => {
  const bench = new LogBench("key store");
  const log = await bench.create();
  const [a, b] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
  const entry = (store: string, signingKey: string, proofDays = 7): EntryDraft => {
    return { type: "keystore", compatible: true, store: store.repeat(32), signingKey, proofDays };
  };
  const none = log.fold.keyStore;
  assert.equal(none, null);
  assert.match(fromUtf8(writeSummary(log.fold)), /"keyStore":null/);
  await must(log, entry("a", a));
  const { ignored } = await force(log, entry("a", b));
  assert.match(ignored.join(), /key store a+ has another key/);
  await must(log, entry("a", a, 3));
  assert.deepEqual(log.fold.keyStore, { store: "a".repeat(32), signingKey: a, proofDays: 3 });
  assert.deepEqual(parseSummary(writeSummary(log.fold), "a summary").fold.keyStore, log.fold.keyStore);

  const point = await bench.point(log);
  await must(log, bench.verdictDraft(point));
  const opened = log.fold.points.get(point)?.shown[0]?.openedAt;
  await must(log, entry("a", a, 5));
  assert.equal(log.fold.points.get(point)?.shown[0]?.verdict, "reads");
  await must(log, entry("b", b));
  assert.equal(log.fold.keyStore?.store, "b".repeat(32));
  const [shown] = log.fold.points.get(point)?.shown ?? [];
  assert.deepEqual([shown?.verdict, shown?.derivedAt, shown?.openedAt], ["not tried", null, opened]);
});

test("the bytes of a point are good since it was written, and since a check that read all of them", async () => {
  const bench = new LogBench("checks");
  const log = await bench.create();
  const point = await bench.point(log);
  assert.equal(goodAt(log, point), "2026-11-23T14:05:00Z");
  await must(log, check(log, { startedAt: "2026-12-01T00:00:00Z" }));
  const later = await bench.point(log);
  assert.equal(goodAt(log, point), "2026-12-01T00:00:00Z");
  assert.equal(goodAt(log, later), "2026-11-23T14:05:00Z");
  await must(log, check(log, { points: [later], startedAt: "2026-12-02T00:00:00Z" }));
  assert.equal(goodAt(log, later), "2026-12-02T00:00:00Z");
});

test("parts of the data count once all of them were read, and the oldest is the date", async () => {
  const bench = new LogBench("parts");
  const log = await bench.create();
  const point = await bench.point(log);
  for (const part of [1, 2, 3]) {
    assert.equal(goodAt(log, point), "2026-11-23T14:05:00Z");
    await must(log, check(log, { part: [part, 3], startedAt: `2026-12-0${part}T00:00:00Z` }));
  }
  assert.equal(goodAt(log, point), "2026-12-01T00:00:00Z");
  await must(log, check(log, { part: [1, 3], startedAt: "2026-12-08T00:00:00Z" }));
  assert.equal(goodAt(log, point), "2026-12-02T00:00:00Z");
});

test("a check by a clock that is in doubt gives no date, and what it finds of damage counts", async () => {
  const bench = new LogBench("doubt");
  const log = await bench.create();
  const point = await bench.point(log);
  bench.now = bench.now.add({ hours: 24 * 400 });
  await must(log, check(log, { startedAt: bench.now.toString(), hurt: [point] }));
  assert.equal(goodAt(log, point), "2026-11-23T14:05:00Z");
  assert.equal(log.fold.points.get(point)?.hurt, true);
});

test("damage that a check finds takes back what was found good before, until another check finds none", async () => {
  const bench = new LogBench("hurt");
  const log = await bench.create();
  const point = await bench.point(log);
  await must(log, check(log, { points: [point], startedAt: "2026-12-01T00:00:00Z" }));
  await must(log, check(log, { part: null, hurt: [point] }));
  assert.deepEqual([log.fold.points.get(point)?.hurt, log.fold.points.get(point)?.checkedAt], [true, null]);
  await must(log, check(log, { part: null }));
  assert.equal(log.fold.points.get(point)?.hurt, false);
});

test("what was swept leaves generations and damage, in the open maintenance session and nowhere else", async () => {
  const bench = new LogBench("swept");
  const log = await bench.create();
  const { id: writer } = await bench.session(log, "backup");
  const segment = firstSegment(writer);
  const earlier = await bench.session(log, "maintenance");
  await force(log, bench.sweptDraft(earlier.id, segment));
  await must(log, bench.pointDraft(writer));
  const replaced = bench.replacedDraft(earlier.id, segment, firstGeneration);
  await must(log, replaced.draft);
  await must(log, bench.damagedDraft(segment, 3, replaced.to));
  const { id: session } = await bench.session(log, "maintenance");
  assert.match((await force(log, bench.sweptDraft(earlier.id, segment))).ignored[0] ?? "", /is not the open/);
  assert.equal(log.fold.damaged.size, 1);
  await must(log, bench.sweptDraft(session, segment));
  assert.deepEqual([log.fold.damaged.size, log.fold.generations.size], [0, 0]);
  assert.equal(currentGeneration(log.fold, bench.disk, "data", segment), firstGeneration);
});

test("what a session that is open wrote is never swept", async () => {
  const bench = new LogBench("swept while open");
  const log = await bench.create();
  const { id: writer } = await bench.session(log, "backup");
  await must(log, bench.damagedDraft(firstSegment(writer), 3));
  const { id: session } = await bench.session(log, "maintenance");
  const { ignored } = await force(log, bench.sweptDraft(session, firstSegment(writer)));
  assert.match(ignored[0] ?? "", /its session is still open/);
  assert.equal(log.fold.damaged.size, 1);
});

test("a summary carries all of it, and what many points have in common once", async () => {
  const bench = new LogBench("summary");
  const log = await bench.create();
  const points = [await bench.point(log), await bench.point(log), await bench.point(log)];
  const digests = ["a", "b", "a"].map((digit) => digit.repeat(64));
  for (const [index, point] of points.entries()) await must(log, bench.volumesDraft(point, digests[index] ?? ""));
  for (const point of points) await must(log, bench.verdictDraft(point));
  await must(log, bench.receiptDraft("a".repeat(32)));
  await must(log, check(log, { part: [2, 7], hurt: points.slice(0, 1) }));

  const bytes = writeSummary(log.fold);
  const json = JSON.parse(Buffer.from(bytes).toString()) as { volumes: unknown[]; points: { volumes: number }[] };
  assert.deepEqual([json.volumes.length, json.points.map(({ volumes }) => volumes)], [2, [0, 1, 0]]);
  const { fold, isOlder } = parseSummary(bytes, "summary");
  assert.equal(isOlder, false);
  assert.deepEqual(new Map(fold.points), new Map(log.fold.points));
  assert.deepEqual([fold.receipts, fold.checks], [log.fold.receipts, log.fold.checks]);
  assert.deepEqual(writeSummary(fold), bytes);
});
