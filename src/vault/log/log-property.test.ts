import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { hex } from "#bytes/text.ts";
import { judgeClock } from "#policy/clock.ts";
import { LogBench, firstSegment, signal } from "#testing/vaults/log-bench.ts";
import type { Entry, EntryDraft } from "#vault/entry/entry.ts";
import { roots } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { readLog } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";
import { verifyLog } from "#vault/log/summary-check.ts";
import { writeSummary } from "#vault/log/summary-format.ts";
import { listSummaries, putSummary } from "#vault/log/summary.ts";
import { firstGeneration, generationId, newId, sessionId } from "#vault/object/ids.ts";
import type { GenerationId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

/*
 * Several hosts append whatever they like, most of it against the rules, from folds of any age. The fold is compared with
 * a slow twin of it, which keeps everything in plain sets and works it out from the list of all entries.
 */

const STORE = "5".repeat(32);
const OTHER_STORE = "6".repeat(32);

type Open = { id: string; base: string | null; adopted: number | null; checkpoint: number | null } | null;

class Twin {
  readonly points = new Map<string, number>(); // 0: live, else the number of its deletion
  readonly purged = new Set<string>();
  readonly generations = new Map<string, string>();
  readonly damaged = new Set<string>();
  readonly counted = { adopted: 0, purged: 0, replaced: 0, healed: 0, swept: 0, shown: 0, found: 0, adoptedStores: 0 };
  readonly shown = new Map<string, string>();
  readonly hurt = new Set<string>();
  readonly seqs = new Map<string, number>();
  auditSeq = 0;
  keyStore: { store: string; signingKey: string } | null = null;
  backup: Open = null;
  maintenance: Open = null;
  trusted = "";
  doubtful = false;

  take(e: Entry): void {
    if (e.type === "machine" && e.seq === 1) this.trusted = e.at;
    this.#tell(e);
    const openIds = [this.backup?.id, this.maintenance?.id];
    switch (e.type) {
      case "opened": {
        const open = this[e.lane];
        const newest = open?.checkpoint ?? open?.adopted ?? null;
        const adopts = e.adopts === null || (e.adopts.session === open?.id && e.adopts.checkpointSeq === newest);
        const base = e.base === null || this.points.has(e.base);
        const plain = e.lane === "backup" || (e.base === null && e.adopts === null);
        if (e.closes !== (open?.id ?? null) || !adopts || !base || !plain) return;
        if (e.adopts !== null) this.counted.adopted++;
        const id = `${e.seq.toString(16).padStart(8, "0")}-${e.nonce}`;
        this[e.lane] = { id, base: e.base, adopted: e.adopts === null ? null : newest, checkpoint: null };
        return;
      }
      case "checkpoint":
        if (this.backup?.id === e.session) this.backup.checkpoint = e.seq;
        return;
      case "closed":
        if (this.backup?.id === e.session) this.backup = null;
        if (this.maintenance?.id === e.session) this.maintenance = null;
        return;
      case "point":
        if (this.backup?.id !== e.session || this.points.has(e.point)) return;
        assert.ok(!this.purged.has(e.point), "a purged point came back");
        this.points.set(e.point, 0);
        this.seqs.set(e.point, e.seq);
        this.backup = null;
        return;
      case "deleted":
        if (this.points.get(e.point) === 0 && !(e.by === "rule" && this.doubtful)) this.points.set(e.point, e.seq);
        return;
      case "undeleted":
        if (this.points.get(e.point) === e.deletion) this.points.set(e.point, 0);
        return;
      case "purged":
        if (this.maintenance?.id !== e.session || this.backup?.base === e.point || this.doubtful) return;
        if (this.points.get(e.point) !== e.deletion) return;
        this.points.delete(e.point);
        this.purged.add(e.point);
        this.shown.delete(e.point);
        this.hurt.delete(e.point);
        this.counted.purged++;
        return;
      case "replaced":
        for (const { segment, from, to, heals } of openIds.includes(e.session) ? e.items : []) {
          const own = to.startsWith(e.session) && !openIds.includes(segment.slice(0, 25));
          if (from !== (this.generations.get(segment) ?? "0") || !own) continue;
          this.generations.set(segment, to);
          this.counted.replaced++;
          for (const slot of heals) if (this.damaged.delete(`${segment}#${slot}`)) this.counted.healed++;
        }
        return;
      case "damaged":
        for (const { segment, generation, slots } of e.items) {
          if (generation !== (this.generations.get(segment) ?? "0")) continue;
          for (const [first] of slots) this.damaged.add(`${segment}#${first}`);
        }
        return;
      case "swept":
        for (const [, segment] of this.maintenance?.id === e.session ? e.items : []) {
          if (openIds.includes(segment.slice(0, 25))) continue;
          this.generations.delete(segment);
          const hurt = [...this.damaged].filter((each) => each.startsWith(`${segment}#`));
          for (const each of hurt) this.damaged.delete(each);
          this.counted.swept += hurt.length;
        }
        return;
      case "verdict":
        for (const { point, verdict } of e.items) {
          if (!this.points.has(point)) continue;
          this.shown.set(point, verdict);
          this.counted.shown++;
        }
        return;
      case "checked":
        for (const point of this.points.keys()) {
          if ((this.seqs.get(point) ?? 0) > e.upTo || e.points?.includes(point as PointId) === false) continue;
          if (e.hurt.includes(point as PointId)) this.hurt.add(point);
          else this.hurt.delete(point);
          this.counted.found += Number(this.hurt.has(point));
        }
        return;
      case "keystore":
        if (this.keyStore?.store === e.store && this.keyStore.signingKey !== e.signingKey) return;
        if (this.keyStore !== null && this.keyStore.store !== e.store) {
          for (const point of this.shown.keys()) this.shown.set(point, "not tried");
          this.counted.adoptedStores++;
        }
        this.keyStore = { store: e.store, signingKey: e.signingKey };
        return;
      case "receipt":
        this.auditSeq = Math.max(this.auditSeq, e.receipt.auditSeq);
        return;
      case "volumes":
      case "machine":
      case "keyring":
      case "clock":
      case "unknown":
    }
  }

  #tell(e: Entry): void {
    const [trustedAt, now] = [this.trusted, e.at].map((at) => Temporal.Instant.from(at)) as [
      Temporal.Instant,
      Temporal.Instant,
    ];
    if (e.type === "clock") [this.trusted, this.doubtful] = [e.at, false];
    else if (judgeClock({ trustedAt, now }) !== "ok") this.doubtful = true;
    else if (Temporal.Instant.compare(now, trustedAt) > 0) this.trusted = e.at;
  }

  assertSame(fold: Fold): void {
    const points = new Map<string, number>();
    for (const [id, { deleted }] of fold.points) points.set(id, deleted?.seq ?? 0);
    assert.deepEqual(points, this.points);
    for (const lane of ["backup", "maintenance"] as const) {
      const open = fold[lane];
      const { id = null, base = null, adopted = null, checkpoint = null } = open ?? {};
      const seen = open && { id, base, adopted: adopted?.seq ?? null, checkpoint: checkpoint?.seq ?? null };
      assert.deepEqual(seen, this[lane]);
    }
    const plain = (key: string): string => key.slice(key.lastIndexOf("/") + 1);
    const generations = new Map<string, string>();
    for (const [key, to] of fold.generations) generations.set(plain(key), to);
    assert.deepEqual(generations, this.generations);
    const slots = [...fold.damaged].flatMap(([key, ranges]) =>
      ranges.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => `${plain(key)}#${first + i}`)),
    );
    assert.deepEqual(new Set(slots), this.damaged);
    assert.deepEqual([fold.clock.trustedAt, fold.clock.doubtfulSinceSeq !== null], [this.trusted, this.doubtful]);
    const states = [...fold.points.values()];
    const shown = states.flatMap(({ point, shown: [one] }): [string, string][] => (one ? [[point, one.verdict]] : []));
    assert.deepEqual(new Map(shown), this.shown);
    assert.deepEqual(new Set(states.filter(({ hurt }) => hurt).map(({ point }) => point)), this.hurt);
    assert.equal(fold.receipts.get(STORE)?.auditSeq ?? 0, this.auditSeq);
    const known = fold.keyStore && { store: fold.keyStore.store, signingKey: fold.keyStore.signingKey };
    assert.deepEqual(known, this.keyStore);
    const rootPoints = new Set<string>([...roots(fold)].flatMap(({ why }) => ("point" in why ? [why.point] : [])));
    assert.deepEqual(rootPoints, new Set(this.points.keys()));
  }
}

/** Everything that drafts may name, right or wrong. */
class Pool {
  readonly #bench: LogBench;
  readonly sessions: SessionId[];
  readonly points: PointId[];
  readonly generations: GenerationId[] = [firstGeneration];
  readonly seqs: number[] = [1];

  constructor(bench: LogBench) {
    this.#bench = bench;
    this.sessions = [sessionId(1, bench.random(8))];
    this.points = [newId<PointId>(bench.random)];
  }

  /** A draft of the kind; `pick` chooses what it names, newer things more often. */
  draft(kind: Kind, fold: Fold, pick: (length: number) => number): EntryDraft {
    const some = <T>(list: readonly T[]): T => list[list.length - 1 - pick(Math.min(list.length, 3))] as T;
    const open = (lane: "backup" | "maintenance"): SessionId => (pick(4) > 0 && fold[lane]?.id) || some(this.sessions);
    const { random, disk } = this.#bench;
    const current = (segment: SegmentId): GenerationId =>
      pick(4) > 0 ? currentGeneration(fold, disk, "data", segment) : some(this.generations);
    switch (kind) {
      case "backup":
      case "maintenance": {
        const closes = pick(5) > 0 ? (fold[kind]?.id ?? null) : some(this.sessions);
        const base = kind === "backup" && pick(3) === 0 ? some(this.points) : null;
        const checkpointSeq = fold.backup?.checkpoint?.seq ?? fold.backup?.adopted?.seq ?? some(this.seqs);
        const adopts = kind === "backup" && closes !== null && pick(4) > 0 ? { session: closes, checkpointSeq } : null;
        return { type: "opened", lane: kind, nonce: hex(random(8)), base, adopts, closes };
      }
      case "checkpoint":
        return this.#bench.checkpointDraft(open("backup"));
      case "closed":
        return { type: "closed", session: open(pick(2) > 0 ? "backup" : "maintenance") };
      case "point":
        return this.#bench.pointDraft(open("backup"));
      case "deleted":
        return { type: "deleted", point: some(this.points), by: pick(2) > 0 ? "rule" : "person", reason: "" };
      case "undeleted":
      case "purged": {
        const [doomed] = [...fold.points.values()].filter(({ deleted }) => deleted !== null);
        const point = doomed !== undefined && pick(4) > 0 ? doomed.point : some(this.points);
        const deletion = pick(4) > 0 ? (fold.points.get(point)?.deleted?.seq ?? some(this.seqs)) : some(this.seqs);
        if (kind === "undeleted") return { type: "undeleted", point, deletion };
        return { type: "purged", point, deletion, session: open("maintenance") };
      }
      case "replaced": {
        const session = open(pick(2) > 0 ? "backup" : "maintenance");
        const [hurt] = [...fold.damaged.keys()].map((key) => key.slice(-34) as SegmentId);
        const segment = hurt !== undefined && pick(4) > 0 ? hurt : firstSegment(some(this.sessions));
        const from = current(segment);
        const draft = this.#bench.replacedDraft(session, segment, from, [0, pick(3)]);
        this.generations.push(pick(8) > 0 ? draft.to : generationId(some(this.sessions), random(16)));
        return draft.draft;
      }
      case "damaged": {
        const segment = firstSegment(some(this.sessions));
        return this.#bench.damagedDraft(segment, pick(3), current(segment));
      }
      case "swept":
        return this.#bench.sweptDraft(open("maintenance"), firstSegment(some(this.sessions)));
      case "verdict":
        return this.#bench.verdictDraft(some(this.points), { verdict: ["reads", "rejected"][pick(2)] ?? "" });
      case "keystore": {
        const signingKey = (["A", "B"][pick(2)] ?? "").padEnd(43, "A") + "=";
        return {
          type: "keystore",
          compatible: true,
          store: [STORE, OTHER_STORE][pick(2)] ?? "",
          signingKey,
          proofDays: 7,
        };
      }
      case "receipt":
        return this.#bench.receiptDraft(STORE, { auditSeq: pick(100) });
      case "checked": {
        const points = pick(2) > 0 ? null : [some(this.points)];
        const part = pick(2) > 0 ? null : ([1 + pick(2), 2] as const);
        const hurt = pick(2) > 0 ? [some(this.points)] : [];
        const startedAt = this.#bench.now.toString();
        return { type: "checked", compatible: true, points, upTo: some(this.seqs), part, startedAt, hurt };
      }
      case "clock":
        return { type: "clock", confirmedAt: this.#bench.now.toString() };
    }
  }

  learn(entry: Entry, fold: Fold): void {
    this.seqs.push(entry.seq);
    if (entry.type === "point" && (fold.points.has(entry.point) || entry.seq % 4 === 0)) this.points.push(entry.point);
    if (entry.type === "opened" && fold[entry.lane]?.seq === entry.seq) this.sessions.push(fold[entry.lane]!.id);
  }
}

const kinds = [
  "backup",
  "backup",
  "maintenance",
  "checkpoint",
  "checkpoint",
  "closed",
  "point",
  "point",
  "deleted",
  "deleted",
  "undeleted",
  "purged",
  "purged",
  "replaced",
  "replaced",
  "damaged",
  "damaged",
  "swept",
  "verdict",
  "keystore",
  "receipt",
  "checked",
  "clock",
] as const;
type Kind = (typeof kinds)[number];

const step = fc.record({
  host: fc.nat(2),
  kind: fc.constantFrom(...kinds),
  picks: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
  hours: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(0, 1) },
    { weight: 1, arbitrary: fc.constantFrom(20, -20, 24 * 10) },
  ),
  summary: fc.nat(7),
  stale: fc.nat(3).map((n) => n === 0),
});

test("whatever hosts append, every reader sees the same, with and without summaries, and it is what the twin sees", async () => {
  const counted = { ...new Twin().counted };
  const holds = async (steps: (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Promise<void> => {
    const bench = new LogBench(JSON.stringify(steps));
    const logs: Log[] = [await bench.create(), await bench.open("b"), await bench.open("c")];
    const pool = new Pool(bench);
    for (const log of [logs[0], logs[0]]) pool.points.push(await bench.point(log as Log));
    const start = bench.now;
    for (const { host, kind, picks, hours, summary, stale } of steps) {
      const log = logs[host];
      assert.ok(log !== undefined);
      bench.now = start.add({ hours });
      if (!stale) await log.read(signal);
      let used = 0;
      const draft = pool.draft(kind, log.fold, (length) => (picks[used++ % picks.length] ?? 0) % Math.max(1, length));
      const appended = await log.append(() => draft, signal);
      assert.ok(appended !== null);
      pool.learn(appended.entry, appended.fold);
      if (summary === 0) await putSummary(bench.source(), log.fold, bench.random, signal);
    }

    const twin = new Twin();
    for await (const { entry } of readLog(bench.source(), null, 0, assert.fail, signal)) twin.take(entry);
    for (const what of Object.keys(counted) as (keyof typeof counted)[]) counted[what] += twin.counted[what];
    const readers = [...logs, await bench.open("with summaries")];
    assert.deepEqual((await verifyLog(bench.source(), () => undefined, signal)).wrong, []);
    const { store, machine } = bench.source();
    for (const seq of await listSummaries(store, machine, signal))
      await store.delete(objectKeys.summary(machine, seq), signal);
    readers.push(await bench.open("without"));
    for (const log of readers) {
      twin.assertSame(await log.read(signal));
      assert.deepEqual(writeSummary(log.fold), writeSummary(readers[0]!.fold));
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 90 }), holds), { numRuns: 14, seed: 20 });
  // the seed is fixed so that this is the same in every run
  for (const [what, count] of Object.entries(counted)) assert.ok(count > 0, `${what} was never tried`);
});
