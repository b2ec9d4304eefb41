import assert from "node:assert/strict";
import { test } from "node:test";

import { LogBench, firstSegment, force, must, signal } from "#testing/vaults/log-bench.ts";
import type { EntryDraft } from "#vault/entry/entry.ts";
import { isDeadSession, roots } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import { firstGeneration, generationId, sessionId } from "#vault/object/ids.ts";

test("a session that was fenced can log neither checkpoint nor point, and the open one loses nothing by it", async () => {
  const bench = new LogBench("fenced");
  const log = await bench.create();
  const first = await bench.session(log, "backup");
  const second = await bench.session(log, "backup");
  const own = bench.root();
  await must(log, bench.checkpointDraft(second.id, own));
  const before = log.fold.backup;

  for (const draft of [bench.checkpointDraft(first.id), bench.pointDraft(first.id)]) {
    const { ignored } = await force(log, draft);
    assert.match(ignored[0] ?? "", /^log entry \d+ \(\w+\) does not count: session .* is not the open backup session$/);
  }
  assert.deepEqual(log.fold.backup, before);
  assert.equal(log.fold.points.size, 0);
  assert.equal(log.ignored.length, 2);
});

test("a point ends its session, and a session gives one point", async () => {
  const bench = new LogBench("one point");
  const log = await bench.create();
  const session = await bench.session(log, "backup");
  await must(log, bench.pointDraft(session.id));
  assert.equal(log.fold.backup, null);
  assert.equal((await force(log, bench.pointDraft(session.id))).ignored.length, 1);
  assert.equal(log.fold.points.size, 1);
});

test("a point's id is given once", async () => {
  const bench = new LogBench("id once");
  const log = await bench.create();
  const first = await bench.session(log, "backup");
  const draft = bench.pointDraft(first.id);
  await must(log, draft);
  const second = await bench.session(log, "backup");
  assert.match((await force(log, { ...draft, session: second.id })).ignored[0] ?? "", /already/);
});

test("an open entry counts only if it closes exactly what is open", async () => {
  const bench = new LogBench("closes");
  const log = await bench.create();
  const opens = { type: "opened", lane: "backup", nonce: "00".repeat(8), base: null, adopts: null } as const;
  const nobody = sessionId(9, bench.random(8));
  assert.equal((await force(log, { ...opens, closes: nobody })).fold.backup, null);
  const session = await bench.session(log, "backup");
  for (const closes of [null, nobody]) {
    assert.equal((await force(log, { ...opens, closes })).fold.backup?.id, session.id);
  }
});

test("a chain of sessions without a checkpoint of their own hands on what the first one had", async () => {
  const bench = new LogBench("chain");
  const log = await bench.create();
  const first = await bench.session(log, "backup");
  const root = bench.root();
  const seq = await must(log, bench.checkpointDraft(first.id, root));
  await bench.session(log, "backup", { adopt: true });
  const third = await bench.session(log, "backup", { adopt: true });

  assert.deepEqual(third.adopted, [{ disk: bench.disk, sizeBytes: 1 << 30, root }]);
  assert.equal(log.fold.backup?.adopted?.seq, seq);
  const next = bench.root();
  await must(log, bench.checkpointDraft(third.id, next));
  assert.deepEqual(
    [...roots(log.fold)].map((live) => [live.root, live.why]),
    [
      [root, { session: third.id, part: "adopted" }],
      [next, { session: third.id, part: "checkpoint" }],
    ],
  );
});

test("maintenance has neither base nor adoption", async () => {
  const bench = new LogBench("maintenance");
  const log = await bench.create();
  const base = await bench.point(log);
  const opens = { type: "opened", lane: "maintenance", nonce: "00".repeat(8), adopts: null, closes: null } as const;
  assert.equal((await force(log, { ...opens, base })).fold.maintenance, null);
  assert.notEqual((await force(log, { ...opens, base: null })).fold.maintenance, null);
});

test("deleted points are roots until they are purged; disks of zeros have none", async () => {
  const bench = new LogBench("roots");
  const log = await bench.create();
  const point = await bench.point(log);
  const zeros = await bench.session(log, "backup");
  await must(log, bench.pointDraft(zeros.id, null));
  const deletion = await must(log, { type: "deleted", point, by: "person", reason: "" });
  assert.deepEqual(
    [...roots(log.fold)].map(({ why }) => why),
    [{ point }],
  );

  const prune = await bench.session(log, "maintenance");
  await must(log, { type: "purged", point, deletion, session: prune.id });
  assert.deepEqual([...roots(log.fold)], []);
});

test("what was purged can neither be undeleted, deleted, purged again nor be a base", async () => {
  const bench = new LogBench("gone");
  const log = await bench.create();
  const point = await bench.point(log);
  const deletion = await must(log, { type: "deleted", point, by: "person", reason: "" });
  const { id: session } = await bench.session(log, "maintenance");
  await must(log, { type: "purged", point, deletion, session });
  const late: EntryDraft[] = [
    { type: "undeleted", point, deletion },
    { type: "deleted", point, by: "person", reason: "" },
    { type: "purged", point, deletion, session },
  ];
  for (const draft of late) assert.match((await force(log, draft)).ignored[0] ?? "", /purged or never was/);
});

test("a purge counts only in the open maintenance session", async () => {
  const bench = new LogBench("purge session");
  const log = await bench.create();
  const point = await bench.point(log);
  const deletion = await must(log, { type: "deleted", point, by: "person", reason: "" });
  const fenced = await bench.session(log, "maintenance");
  await bench.session(log, "maintenance");
  const backup = await bench.session(log, "backup");
  for (const { id } of [fenced, backup]) await force(log, { type: "purged", point, deletion, session: id });
  assert.ok(log.fold.points.has(point));
});

test("of one replacement entry each item counts by itself", async () => {
  const bench = new LogBench("items");
  const log = await bench.create();
  const backup = await bench.session(log, "backup");
  await must(log, bench.pointDraft(backup.id));
  const open = await bench.session(log, "backup");
  const { id: session } = await bench.session(log, "maintenance");
  const segment = firstSegment(backup.id);
  const [one, two] = [generationId(session, bench.random(16)), generationId(session, bench.random(16))];
  const kind = "data" as const;
  const items = [
    { kind, segment, from: firstGeneration, to: one, heals: [] },
    { kind, segment, from: firstGeneration, to: two, heals: [] }, // no longer current
    { kind: "nodes" as const, segment, from: firstGeneration, to: firstGeneration, heals: [] }, // not a new name
    {
      kind: "nodes" as const,
      segment,
      from: firstGeneration,
      to: generationId(backup.id, bench.random(16)),
      heals: [],
    },
    { kind, segment: firstSegment(open.id), from: firstGeneration, to: two, heals: [] }, // still being written
    { kind: "nodes" as const, segment, from: firstGeneration, to: two, heals: [] },
  ];
  const { fold, ignored } = await force(log, { type: "replaced", session, disk: bench.disk, items });
  assert.equal(ignored.length, 4);
  assert.equal(currentGeneration(fold, bench.disk, "data", segment), one);
  assert.equal(currentGeneration(fold, bench.disk, "nodes", segment), two);
  assert.equal(currentGeneration(fold, bench.disk, "data", firstSegment(open.id)), firstGeneration);
});

test("healed and dropped slots leave the damage list, others stay", async () => {
  const bench = new LogBench("damage");
  const log = await bench.create();
  const backup = await bench.session(log, "backup");
  await must(log, bench.pointDraft(backup.id));
  const segment = firstSegment(backup.id);
  for (const slot of [1, 2, 7, 9]) await must(log, bench.damagedDraft(segment, slot));
  const { id: session } = await bench.session(log, "maintenance");
  const to = generationId(session, bench.random(16));
  const item = { kind: "data" as const, segment, from: firstGeneration, to, heals: [2], drops: [9] };
  const { fold } = await force(log, { type: "replaced", session, disk: bench.disk, items: [item] });
  assert.deepEqual(
    [...fold.damaged.values()],
    [
      [
        [1, 1],
        [7, 1],
      ],
    ],
  );
});

test("a clock that leaps ahead marks its points, stops purges and deletions by rule, and does not become the measure", async () => {
  const bench = new LogBench("clock ahead");
  const log = await bench.create();
  const [old, other] = [await bench.point(log), await bench.point(log)];
  const deletion = await must(log, { type: "deleted", point: old, by: "person", reason: "" });
  const right = bench.now;
  bench.now = right.add({ hours: 24 * 400 });
  const doubted = await bench.point(log);
  const prune = await bench.session(log, "maintenance");
  const purge: EntryDraft = { type: "purged", point: old, deletion, session: prune.id };
  for (const draft of [purge, { type: "deleted", point: other, by: "rule", reason: "" } as const]) {
    assert.match((await force(log, draft)).ignored[0] ?? "", /clock is in doubt since entry 7/);
  }
  assert.equal(log.fold.points.get(doubted)?.dateDoubtful, true);
  assert.equal(log.fold.clock.trustedAt, right.toString());

  bench.now = right.add({ hours: 1 });
  const good = await bench.point(log);
  assert.equal(log.fold.points.get(good)?.dateDoubtful, false);
  assert.equal(log.fold.clock.doubtfulSinceSeq, 7);
  assert.equal((await force(log, purge)).ignored.length, 1);

  await must(log, { type: "clock", confirmedAt: bench.now.toString() });
  assert.deepEqual(log.fold.clock, { trustedAt: bench.now.toString(), doubtfulSinceSeq: null });
  assert.equal(log.fold.points.get(doubted)?.dateDoubtful, false);
  await must(log, purge);
});

test("a deletion by a clock that is behind counts from the newest time that was believed", async () => {
  const bench = new LogBench("deleted behind");
  const log = await bench.create();
  const point = await bench.point(log);
  const right = bench.now;
  bench.now = right.subtract({ hours: 24 * 30 });
  await must(log, { type: "deleted", point, by: "person", reason: "" });
  assert.equal(log.fold.points.get(point)?.deleted?.at, right.toString());
});

test("a session that a doubtful clock opened gives a doubtful point, also when the clock is right again by then", async () => {
  const bench = new LogBench("clock behind");
  const log = await bench.create();
  bench.now = bench.now.subtract({ hours: 24 });
  const session = await bench.session(log, "backup");
  bench.now = bench.now.add({ hours: 25 });
  const draft = bench.pointDraft(session.id);
  await must(log, draft);
  assert.equal(log.fold.points.get(draft.point)?.dateDoubtful, true);
});

test("the newest keyring that any entry named is remembered, and the first of two with one number", async () => {
  const bench = new LogBench("keyring");
  const log = await bench.create();
  const [four, other] = ["44".repeat(32), "45".repeat(32)];
  await must(log, { type: "keyring", generation: 4, hash: four });
  await must(log, { type: "keyring", generation: 4, hash: other });
  await must(log, { type: "keyring", generation: 2, hash: other });
  assert.deepEqual((await bench.open()).fold.keyring, { generation: 4, hash: four });
});

test("a session of another history of the store is dead, even with the open one's number", async () => {
  const bench = new LogBench("other history");
  const log = await bench.create();
  const open = await bench.session(log, "backup");
  const stranger = sessionId(open.seq, bench.random(8));
  assert.equal(isDeadSession(log.fold, open.id), false);
  assert.ok(isDeadSession(log.fold, stranger));
  assert.equal(isDeadSession(log.fold, sessionId(open.seq + 1, bench.random(8))), false);
});

test("a fold stays as it is while the log goes on", async () => {
  const bench = new LogBench("unchanging");
  const log = await bench.create();
  const point = await bench.point(log);
  const { fold } = log;
  await must(log, { type: "deleted", point, by: "person", reason: "" });
  await bench.point(log);
  await log.read(signal);
  assert.equal(fold.points.size, 1);
  assert.equal(fold.points.get(point)?.deleted, null);
});
