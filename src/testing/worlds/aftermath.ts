import assert from "node:assert/strict";

import { equalBytes } from "#bytes/arrays.ts";
import { isLockstepError } from "#errors/errors.ts";
import { check } from "#ops/check/check.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { reachableObjects } from "#testing/vaults/reachable.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import type { Outcome } from "#testing/worlds/actor.ts";
import { aBackup, aClosingPrune } from "#testing/worlds/participants.ts";
import type { Answer, Participant } from "#testing/worlds/participants.ts";
import type { Client, Expected, WorldCopy } from "#testing/worlds/shared-world.ts";
import { applyEntry, firstFold } from "#vault/fold/fold-entry.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import { readLog } from "#vault/log/log-reader.ts";
import type { PointId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { isZeroPointer, POINTER_BYTES, rootFromText, segmentAt, slotAt } from "#vault/segments/pointer.ts";
import { DamageError } from "#vault/segments/segment-reader.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import { segmentReader } from "#vault/vault.ts";

/** Somebody's work, and how it ended; null: it was stopped for ever, or until now. */
export type Participation = { readonly who: Participant; readonly outcome: Outcome<Answer> | null };

const { signal } = new AbortController();
const quiet = { progress: () => undefined };

/**
 * Verifies that nothing is lost after some have worked in a world at the same time: the vault opens, the log has exactly
 * the points that were said to be committed, and each of them reads back; then that a prune leaves nothing dead, that a
 * backup commits, that all points still read back, and that a check of every byte finds nothing that the world did not
 * begin with.
 *
 * @param lastPrune  the prune that must leave nothing dead
 */
export async function verifyAftermath(
  copy: WorldCopy,
  took: readonly Participation[],
  lastPrune: Participant = aClosingPrune,
): Promise<void> {
  const answers = took.map((each) => answerOf(each, copy));
  const first = await copy.client("first after");
  const expected = verifyPoints(copy, first.log.fold, took, answers);
  await verifyRules(first);
  verifyWays(first, answers);
  for (const [point, { content, damaged, lost }] of expected) {
    const unread = await unreadBlocks(copy, first, stateOf(first.log.fold, point), content);
    assertWithin(unread, [...damaged, ...lost], `blocks of point ${point} that cannot be read`);
  }

  const { pruned } = await lastPrune.run(await copy.client("prune after"), copy);
  for (const { point } of pruned?.purged ?? []) expected.delete(point);
  assert.deepEqual(pruned?.unreadable, []);
  await verifyNothingDead(copy);

  const { committed } = await aBackup.run(await copy.client("backup after"), copy);
  assert.ok(committed);
  expected.set(committed.point, { content: committed.content, damaged: [], lost: [] });
  const last = await copy.client("last after");
  assertSame(last.log.fold.points.keys(), expected.keys(), "points after a prune and a backup");
  const isHealed = comesFrom(last.log.fold, committed.point, copy.world.points); // a full one knows no block of older points
  const allowed = new Map<PointId, readonly number[]>();
  for (const [point, { content, damaged, lost }] of expected) {
    allowed.set(point, isHealed ? lost : [...damaged, ...lost]);
    const unread = await unreadBlocks(copy, last, stateOf(last.log.fold, point), content);
    assertWithin(unread, allowed.get(point) ?? [], `blocks of point ${point} that cannot be read after a backup`);
  }
  await verifyCheck(last, allowed);
}

/** What was answered; nothing where the work was stopped, or gave way to others. */
function answerOf({ who, outcome }: Participation, { world }: WorldCopy): Answer {
  if (outcome === null) return {};
  if ("result" in outcome) return outcome.result;
  const meetsDamage = world.traits.damaged === true && who.stopsAtDamage === true;
  if (meetsDamage && isLockstepError(outcome.error, "BLOCK_DAMAGED")) return {};
  if (isLockstepError(outcome.error, ...who.refusals)) return {};
  throw outcome.error;
}

/** Verifies that the log has what was answered. @returns the points that must be there */
function verifyPoints(
  copy: WorldCopy,
  fold: Fold,
  took: readonly Participation[],
  answers: readonly Answer[],
): Map<PointId, Expected> {
  const expected = new Map(copy.world.expected);
  for (const { committed } of answers) {
    if (committed) expected.set(committed.point, { content: committed.content, damaged: [], lost: [] });
  }
  const maybeCommitted = took.some(({ who, outcome }) => outcome === null && who.contentOf !== undefined);
  const purged = answers.flatMap((answer) => (answer.pruned?.purged ?? []).map(({ point }) => point));
  assert.equal(new Set(purged).size, purged.length, "a point was purged twice");
  for (const point of purged) {
    assert.ok(copy.purgeable.has(point), `point ${point} was purged before its time`);
    assert.ok(expected.delete(point) || maybeCommitted, `point ${point} was purged, and nobody committed it`);
  }
  // What was stopped, or gave way, right after its entry got into the log is done, and nobody was told.
  for (const { who, outcome } of took.filter((each) => each.outcome === null || "error" in each.outcome)) {
    if (who.purges === true) for (const point of copy.purgeable) if (!fold.points.has(point)) expected.delete(point);
    const content = outcome === null ? who.contentOf?.(copy) : undefined;
    const unknown = [...fold.points.keys()].find((point) => !expected.has(point));
    if (content && unknown !== undefined) expected.set(unknown, { content, damaged: [], lost: [] });
  }
  assertSame(fold.points.keys(), expected.keys(), "points");
  for (const { deleted, undeleted, restored } of answers) {
    // In the days that went by a rule may have deleted it anew, and the time for that to be purged may be over.
    const isStill = (point: PointId): boolean => expected.has(point) || copy.now.equals(copy.world.now);
    if (deleted !== undefined && isStill(deleted))
      assert.ok(stateOf(fold, deleted).deleted, `point ${deleted} is live`);
    if (undeleted !== undefined && isStill(undeleted)) {
      assert.notEqual(stateOf(fold, undeleted).deleted?.by, "person", `point ${undeleted} is deleted again`);
    }
    if (restored !== undefined) {
      const content = copy.world.expected.get(restored.point)?.content ?? new Uint8Array();
      assert.ok(equalBytes(restored.bytes, content), `the restore of ${restored.point} gave other bytes`);
    }
  }
  if (copy.world.traits.damaged !== true) assert.equal(fold.damaged.size, 0, "the log calls sound blocks damaged");
  return expected;
}

/** Reads the log from its first entry, and verifies that no rule ever let the last live point go. */
async function verifyRules({ vault, log }: Client): Promise<void> {
  const source = { store: vault.store, keys: vault.keyring.keys, machine: log.machine };
  let fold: Fold | null = null;
  for await (const logged of readLog(source, null, log.fold.seq, () => undefined, signal)) {
    fold = fold === null ? firstFold(logged) : applyEntry(fold, logged).fold;
    if (logged.entry.type !== "deleted" || logged.entry.by !== "rule") continue;
    const live: readonly PointState[] = [...fold.points.values()].filter(({ deleted }) => deleted === null);
    assert.ok(live.length > 0, `entry ${logged.entry.seq}: a rule let the last live point go`);
  }
}

function verifyWays({ opened }: Client, answers: readonly Answer[]): void {
  if (opened === null) return;
  const labels = listWays(opened).map(({ label }) => label);
  for (const { ways } of answers) {
    assertWithin(ways?.added ?? [], labels, "unlock ways that were added and are not there");
    for (const label of ways?.removed ?? []) assert.ok(!labels.includes(label), `the unlock way ${label} is there`);
  }
}

async function verifyNothingDead(copy: WorldCopy): Promise<void> {
  const client = await copy.client("list after");
  const { machine } = client.log;
  const prefixes = [objectKeys.disksPrefix(machine), objectKeys.pointPrefix(machine)];
  const ofPoints = [...prefixes, ...prefixes.map((prefix) => objectKeys.copy(prefix))];
  const there = await keysOf(copy.store, (key) => ofPoints.some((prefix) => key.startsWith(prefix)));
  const reachable = await reachableObjects(client, BLOCK);
  assertSame(there, reachable, "objects after a prune");
}

/** Reads all blocks of a point. @returns those that are damaged; the others are what they should be */
async function unreadBlocks(
  { world }: WorldCopy,
  { vault, log }: Client,
  point: PointState,
  content: Uint8Array,
): Promise<readonly number[]> {
  const unread: number[] = [];
  const segments = segmentReader(vault, log, point.point);
  const nodes = new NodeReader(segments, vault.keyring.keys, world.definition.id);
  const blocks = content.length / BLOCK;
  const seen = new Uint8Array(content.length);
  const buffer = new Uint8Array(2 * BLOCK);
  const tree = { root: rootFromText(point.disks[0]?.root ?? null), blocks };
  for await (const { firstBlock, pointers } of walkLeaves(nodes, tree, { from: 0, to: blocks }, signal)) {
    for (let at = 0; at < pointers.length; at += POINTER_BYTES) {
      if (isZeroPointer(pointers, at)) continue;
      const block = firstBlock + at / POINTER_BYTES;
      const ref = { disk: world.definition.id, kind: "data", segment: segmentAt(pointers, at) } as const;
      try {
        await segments.readSlots(ref, [slotAt(pointers, at)], buffer, seen, () => block * BLOCK, signal);
      } catch (error) {
        if (!(error instanceof DamageError)) throw error;
        unread.push(block);
        seen.set(content.subarray(block * BLOCK, (block + 1) * BLOCK), block * BLOCK);
      }
    }
  }
  assert.ok(equalBytes(seen, content), `point ${point.point} gives other bytes than its disk had`);
  return unread;
}

async function verifyCheck({ vault, log }: Client, allowed: ReadonlyMap<PointId, readonly number[]>): Promise<void> {
  const options = { point: null, readData: { part: 1, of: 1 }, record: false, repair: false, ...quiet };
  const found = await check(vault, log, options, signal);
  assert.deepEqual([found.bodies, found.copies, found.unread, found.readable], [[], [], [], []]);
  for (const { point, ranges } of found.hurt) {
    const blocks = ranges.flatMap(({ offsetBytes, lengthBytes }) =>
      Array.from({ length: lengthBytes / BLOCK }, (_, index) => offsetBytes / BLOCK + index),
    );
    assertWithin(blocks, allowed.get(point) ?? [], `blocks of point ${point} that a check finds damaged`);
  }
  const hurt = new Set(found.hurt.map(({ point }) => point));
  for (const { points } of found.damage) assertWithin(points, [...hurt], "points that damage hurts");
}

/** Whether a backup compared with one of those points, or with one that did. */
function comesFrom(fold: Fold, point: PointId, origins: readonly PointId[]): boolean {
  const base = fold.points.get(point)?.base ?? null;
  return base !== null && (origins.includes(base) || comesFrom(fold, base, origins));
}

function stateOf(fold: Fold, point: PointId): PointState {
  const state = fold.points.get(point);
  assert.ok(state, `point ${point} is not there`);
  return state;
}

function assertWithin<Value>(found: readonly Value[], allowed: readonly Value[], what: string): void {
  assert.deepEqual(
    found.filter((each) => !allowed.includes(each)),
    [],
    what,
  );
}

function assertSame(found: Iterable<string>, expected: Iterable<string>, what: string): void {
  assert.deepEqual([...found].sort(), [...expected].sort(), what);
}
