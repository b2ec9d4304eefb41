import assert from "node:assert/strict";
import { test } from "node:test";

import { faultyStore } from "#testing/stores/faulty-store.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import { LogBench, firstSegment, force, must, signal } from "#testing/vaults/log-bench.ts";
import type { EntryDraft } from "#vault/entry/entry.ts";
import { isDeadSession, roots } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { closeStalled, openSession } from "#vault/log/session.ts";
import { parseSummary, writeSummary } from "#vault/log/summary-format.ts";
import { firstGeneration, sessionId, sessionOfGeneration } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";

/*
 * Each test is one way in which a simpler protocol loses data. "force" plays a writer that does not compose anew: its
 * entry lands, and must change nothing.
 */

const person = (point: PointId): EntryDraft => ({ type: "deleted", point, by: "person", reason: "asked for" });

test("mark with expiry by clock, then undelete, then the list lands: the point stays", async () => {
  const bench = new LogBench("undelete before purge");
  const a = await bench.create();
  const point = await bench.point(a);
  const deletion = await must(a, person(point));
  const b = await bench.open();
  const prune = await bench.session(b, "maintenance");
  await must(a, { type: "undeleted", point, deletion });

  const purge: EntryDraft = { type: "purged", point, deletion, session: prune.id };
  const composed = await b.append((fold) => (fold.points.get(point)?.deleted?.seq === deletion ? purge : null), signal);
  assert.equal(composed, null);
  const { fold, ignored } = await force(b, purge);
  assert.match(ignored[0] ?? "", /is not what deletes point/);
  assert.equal(fold.points.get(point)?.deleted, null);
});

test("a backup opens on a base that is purged meanwhile: the session never was", async () => {
  const bench = new LogBench("purged base");
  const a = await bench.create();
  const point = await bench.point(a);
  const stalled = await bench.open();
  const deletion = await must(a, person(point));
  const prune = await bench.session(a, "maintenance");
  await must(a, { type: "purged", point, deletion, session: prune.id });

  await assert.rejects(bench.session(stalled, "backup", { base: point }), { code: "POINT_GONE" });
  const nonce = "00".repeat(8);
  const { fold } = await force(stalled, {
    type: "opened",
    lane: "backup",
    nonce,
    base: point,
    adopts: null,
    closes: null,
  });
  assert.equal(fold.backup, null);
  assert.ok(isDeadSession(fold, sessionId(fold.seq, new Uint8Array(8))));
});

test("delete, undelete, delete: a stalled purge does not complete the first deletion", async () => {
  const bench = new LogBench("first deletion");
  const a = await bench.create();
  const point = await bench.point(a);
  const first = await must(a, person(point));
  const b = await bench.open();
  const prune = await bench.session(b, "maintenance");
  await must(a, { type: "undeleted", point, deletion: first });
  const second = await must(a, person(point));

  const late = await force(b, { type: "purged", point, deletion: first, session: prune.id });
  assert.equal(late.fold.points.get(point)?.deleted?.seq, second);
  const due = await force(b, { type: "purged", point, deletion: second, session: prune.id });
  assert.equal(due.fold.points.has(point), false);
});

test("the base of the open session is not purged", async () => {
  const bench = new LogBench("open base");
  const a = await bench.create();
  const point = await bench.point(a);
  const deletion = await must(a, person(point));
  const prune = await bench.session(a, "maintenance");
  const backup = await bench.session(a, "backup", { base: point });
  const purge: EntryDraft = { type: "purged", point, deletion, session: prune.id };

  assert.match((await force(a, purge)).ignored[0] ?? "", /is the base of session/);
  await must(a, { type: "closed", session: backup.id });
  assert.deepEqual((await force(a, purge)).ignored, []);
});

test("an open entry is lost, and another session drops the checkpoint that it adopts: it cannot be adopted again", async () => {
  const bench = new LogBench("dropped checkpoint");
  const a = await bench.create();
  const dead = await bench.session(a, "backup");
  const checkpointSeq = await must(a, bench.checkpointDraft(dead.id));
  const stalled = await bench.open();
  const other = await bench.session(a, "backup", { adopt: false });

  const adopts = { session: dead.id, checkpointSeq };
  const again = { type: "opened", lane: "backup", nonce: "00".repeat(8), base: null, adopts } as const;
  for (const closes of [dead.id, other.id]) {
    const { fold, ignored } = await force(stalled, { ...again, closes });
    assert.equal(ignored.length, 1);
    assert.equal(fold.backup?.id, other.id);
  }
  const taken = await bench.session(stalled, "backup", { adopt: true });
  assert.deepEqual(taken.adopted, []);
});

test("a second prune does not take a generation that is not yet logged for garbage", async () => {
  const bench = new LogBench("unlogged generation");
  const a = await bench.create();
  const backup = await bench.session(a, "backup");
  await must(a, bench.pointDraft(backup.id));
  const before = a.fold;
  const prune = await bench.session(a, "maintenance");
  const { draft, to } = bench.replacedDraft(prune.id, firstSegment(backup.id), firstGeneration);
  const writer = sessionOfGeneration(firstSegment(backup.id), to);

  for (const fold of [before, a.fold]) assert.equal(isDeadSession(fold, writer), false);
  await must(a, draft);
  await bench.session(await bench.open(), "maintenance");
  const { fold } = await bench.open();
  assert.ok(isDeadSession(fold, writer));
  assert.equal(currentGeneration(fold, bench.disk, "data", firstSegment(backup.id)), to);
});

test("a fenced prune's replacement lands late: it does not count", async () => {
  const bench = new LogBench("late replacement");
  const a = await bench.create();
  const backup = await bench.session(a, "backup");
  await must(a, bench.pointDraft(backup.id));
  const b = await bench.open();
  const stalled = await bench.session(b, "maintenance");
  await bench.session(a, "maintenance");

  const { fold, ignored } = await force(
    b,
    bench.replacedDraft(stalled.id, firstSegment(backup.id), firstGeneration).draft,
  );
  assert.match(ignored[0] ?? "", /is not open/);
  assert.equal(currentGeneration(fold, bench.disk, "data", firstSegment(backup.id)), firstGeneration);
});

test("re-keying reads a damaged segment, a backup heals it, the re-key lands: the healed one stays", async () => {
  const bench = new LogBench("healed meanwhile");
  const a = await bench.create();
  const first = await bench.session(a, "backup");
  await must(a, bench.pointDraft(first.id));
  const segment = firstSegment(first.id);
  await must(a, bench.damagedDraft(segment, 3));
  const rekey = await bench.session(a, "maintenance");
  const backup = await bench.session(a, "backup");
  const healed = bench.replacedDraft(backup.id, segment, firstGeneration, [3]);
  await must(a, healed.draft);
  assert.equal(a.fold.damaged.size, 0);

  const { fold, ignored } = await force(a, bench.replacedDraft(rekey.id, segment, firstGeneration).draft);
  assert.match(ignored[0] ?? "", /was replaced by/);
  assert.equal(currentGeneration(fold, bench.disk, "data", segment), healed.to);
});

test("damage that was found before a heal and is logged after it says nothing about the healed generation", async () => {
  const bench = new LogBench("late damage");
  const a = await bench.create();
  const first = await bench.session(a, "backup");
  await must(a, bench.pointDraft(first.id));
  const segment = firstSegment(first.id);
  const prune = await bench.session(a, "maintenance");
  await must(a, bench.replacedDraft(prune.id, segment, firstGeneration).draft);

  const { fold, ignored } = await force(a, bench.damagedDraft(segment, 3, firstGeneration));
  assert.match(ignored[0] ?? "", /is not the current generation/);
  assert.equal(fold.damaged.size, 0);
});

test("a sweep with an old log does not take a newer session's objects for orphans", async () => {
  const bench = new LogBench("old log");
  const a = await bench.create();
  const old = a.fold;
  const backup = await bench.session(a, "backup");
  assert.equal(isDeadSession(old, backup.id), false);
  await must(a, bench.pointDraft(backup.id));
  assert.equal(isDeadSession(old, backup.id), false);
  assert.ok(isDeadSession(a.fold, backup.id));
});

test("a session's name is known only once its open entry is in the log: an expected number is nobody's", async () => {
  const bench = new LogBench("expected number");
  const a = await bench.create();
  const b = await bench.open();
  const expected = b.fold.seq + 1;
  const winner = await bench.session(a, "backup");
  const loser = await bench.session(b, "backup");

  assert.equal(winner.seq, expected);
  assert.notEqual(loser.seq, expected);
  const written = sessionId(expected, bench.random(8)); // what the loser would have written under
  assert.ok(isDeadSession(b.fold, written));
});

test("a listing that lacks the fencing entry does not let a fenced session commit", async () => {
  const bench = new LogBench("short listing");
  const a = await bench.create();
  const fenced = await bench.session(a, "backup");
  await bench.session(await bench.open(), "backup");
  const blind = interceptedStore(bench.store, (call, run) =>
    call.operation === "list" ? Promise.resolve([] as never) : run(),
  );
  const b = await bench.open("host-c", { store: blind });

  const draft = bench.pointDraft(fenced.id);
  for (const log of [a, b])
    assert.equal(await log.append((fold) => (fenced.isOpen(fold) ? draft : null), signal), null);
  assert.equal(b.fold.seq, 3);
});

for (const fault of ["before", "after", "delayed"] as const) {
  test(`an ambiguous purge is never taken as done: ${fault}`, async () => {
    const bench = new LogBench(`ambiguous purge ${fault}`);
    const a = await bench.create();
    const point = await bench.point(a);
    const deletion = await must(a, person(point));
    const faulty = faultyStore(bench.store);
    const retry = { attempts: 1, delayMs: () => 0, sleep: () => Promise.resolve() };
    const b = await bench.open("host-b", { store: faulty.store, retry });
    const prune = await bench.session(b, "maintenance");
    faulty.failAt(faulty.calls(), fault);

    const purge: EntryDraft = { type: "purged", point, deletion, session: prune.id };
    await assert.rejects(force(b, purge), { code: "STORE_UNAVAILABLE" });
    assert.ok(b.fold.points.has(point));
    await must(a, { type: "clock", confirmedAt: bench.now.toString() });
    await faulty.landPending();
    assert.equal((await b.read(signal)).points.has(point), fault !== "after");
  });

  test(`"done" is said of a commit only once it is in the log: ${fault}`, async () => {
    const bench = new LogBench(`ambiguous commit ${fault}`);
    const a = await bench.create();
    const faulty = faultyStore(bench.store);
    const b = await bench.open("host-b", { store: faulty.store });
    const session = await bench.session(b, "backup");
    faulty.failAt(faulty.calls(), fault);

    const draft = bench.pointDraft(session.id);
    const done = await b.append((fold) => (session.isOpen(fold) ? draft : null), signal);
    await faulty.landPending();
    assert.ok(done !== null);
    assert.ok((await a.read(signal)).points.has(draft.point));
    assert.equal(a.fold.seq, done.entry.seq);
  });
}

test("a commit without an answer that another session's entry overtakes is not done", async () => {
  const bench = new LogBench("overtaken commit");
  const a = await bench.create();
  const faulty = faultyStore(bench.store);
  const sleep = async (): Promise<void> => void (await bench.session(a, "backup"));
  const retry = { attempts: 3, delayMs: () => 0, sleep };
  const b = await bench.open("host-b", { store: faulty.store, retry });
  const session = await bench.session(b, "backup");
  faulty.failAt(faulty.calls(), "delayed");

  const draft = bench.pointDraft(session.id);
  assert.equal(await b.append((fold) => (session.isOpen(fold) ? draft : null), signal), null);
  await faulty.landPending();
  assert.equal((await a.read(signal)).points.size, 0);
});

test("a summary carries deleted points, open sessions, generations and damage, not only live points", async () => {
  const bench = new LogBench("whole summary");
  const a = await bench.create();
  const first = await bench.session(a, "backup");
  const draft = bench.pointDraft(first.id);
  await must(a, draft);
  const deletion = await must(a, person(draft.point));
  const prune = await bench.session(a, "maintenance");
  const replaced = bench.replacedDraft(prune.id, firstSegment(first.id), firstGeneration);
  await must(a, replaced.draft);
  await must(a, bench.damagedDraft(firstSegment(first.id), 5, replaced.to));
  const backup = await bench.session(a, "backup", { base: draft.point });
  await must(a, bench.checkpointDraft(backup.id));

  const { fold } = parseSummary(writeSummary(a.fold), "summary");
  assert.equal(fold.points.get(draft.point)?.deleted?.seq, deletion);
  assert.equal(fold.backup?.base, draft.point);
  assert.equal([...roots(fold)].length, 2);
  assert.equal(currentGeneration(fold, bench.disk, "data", firstSegment(first.id)), replaced.to);
  assert.deepEqual([...fold.damaged.values()], [[[5, 1]]]);
  assert.deepEqual(writeSummary(fold), writeSummary(a.fold));
});

test("a rule is decided, the newest point is deleted by hand, the rule lands: it decides anew", async () => {
  const bench = new LogBench("rule again");
  const a = await bench.create();
  const older = await bench.point(a);
  const newer = await bench.point(a);
  const b = await bench.open();
  await must(a, person(newer));

  const keepOne = (fold: Fold): EntryDraft | null => {
    const live = [...fold.points.values()].filter(({ deleted }) => deleted === null).sort((x, y) => x.seq - y.seq);
    const [oldest, next] = live;
    if (oldest === undefined || next === undefined) return null;
    return { type: "deleted", point: oldest.point, by: "rule", reason: "keep 1" };
  };
  assert.equal(await b.append(keepOne, signal), null);
  assert.equal(b.fold.points.get(older)?.deleted, null);
});

test("a crashed last session with no next backup can be closed, and what it wrote is dead then", async () => {
  const bench = new LogBench("crashed last");
  const a = await bench.create();
  const crashed = await bench.session(a, "backup");
  await must(a, bench.checkpointDraft(crashed.id));
  const b = await bench.open();
  assert.equal(isDeadSession(b.fold, crashed.id), false);

  assert.equal(await closeStalled(b, "backup", crashed.id, signal), true);
  assert.equal(await closeStalled(b, "backup", crashed.id, signal), false);
  assert.ok(isDeadSession(b.fold, crashed.id));
  assert.deepEqual([...roots(b.fold)], []);
  const next = await openSession(
    b,
    "backup",
    { choose: () => ({ base: null, adopt: true }), random: bench.random },
    signal,
  );
  assert.deepEqual(next?.adopted, []);
});
