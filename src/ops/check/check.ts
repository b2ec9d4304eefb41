import { hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { ByteRange } from "#disk/contract.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { CheckedDisk } from "#ops/check/check-disk.ts";
import type { CheckedTree, HurtSegment } from "#ops/check/check-disk.ts";
import { checkEntries } from "#ops/check/check-entries.ts";
import type { CheckedEntries } from "#ops/check/check-entries.ts";
import { logCheck } from "#ops/check/log-check.ts";
import type { SlotRanges } from "#vault/entry/entry.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import { healReadable } from "#vault/healing/heal-readable.ts";
import { checkTwins } from "#vault/healing/twin-objects.ts";
import type { TwinFault } from "#vault/healing/twin-objects.ts";
import { logDamage } from "#vault/log/damage-log.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId, GenerationId, PointId, SegmentId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import { BODY_LIMIT_BYTES } from "#vault/point-body.ts";
import { rootFromText } from "#vault/segments/pointer.ts";
import type { Vault } from "#vault/vault.ts";

/** A part of the data: `part` from 1 to `of`. All parts together are all of it, and which is which never changes. */
export type DataPart = { readonly part: number; readonly of: number };

export type CheckOptions = {
  /** Null: everything that the machine's log keeps. */
  readonly point: PointId | null;
  /** Null: the blocks themselves are not read. */
  readonly readData: DataPart | null;
  /** Log damage that the log does not know, so that the next backup can heal it, and when which bytes were found good. */
  readonly record: boolean;
  /** Blocks for which the store gives no answer count as damaged; they do not unless this is set. */
  readonly unreadIsDamage?: boolean;
  /**
   * Put missing objects back from their second copies, and the reverse; replace damaged second copies; write anew what the log calls
   * damaged and reads well.
   */
  readonly repair: boolean;
  readonly progress: (step: CheckStep) => void;
};

/** How far a check has come: bodies of points, segments of tree nodes, segments of data. */
export type CheckStep = {
  readonly phase: "bodies" | "trees" | "data";
  readonly done: number;
  /** Null where it is not known beforehand. */
  readonly of: number | null;
};

/** Slots of one segment that cannot be read, and that points need. */
export type FoundDamage = {
  readonly disk: DiskId;
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly generation: GenerationId;
  readonly slots: SlotRanges;
  readonly why: string;
  /** True: all of it was in the log before. */
  readonly known: boolean;
  /** The points that it hurts, oldest first; empty where only the open backup does. */
  readonly points: readonly PointId[];
};

/** What of a point's disk cannot be given back. */
export type HurtDisk = {
  readonly point: PointId;
  readonly capturedAt: string;
  readonly disk: DiskId;
  readonly name: string;
  /** In order, not touching. */
  readonly ranges: readonly ByteRange[];
};

export type CheckResult = {
  /** Nothing is damaged, nothing went unread, no entry of the log is lost, and every second copy is there, or is again. */
  readonly ok: boolean;
  readonly points: number;
  readonly segments: { readonly nodes: number; readonly data: number };
  /** Bytes of blocks that were read and are right. */
  readonly readBytes: number;
  readonly damage: readonly FoundDamage[];
  readonly hurt: readonly HurtDisk[];
  /** Bytes of points that cannot be given back; each point counts by itself. */
  readonly damagedBytes: number;
  /** Points whose body is lost; their disks can be given back. */
  readonly bodies: readonly { readonly point: PointId; readonly why: string }[];
  /** Objects that are missing or damaged while their twin is right. */
  readonly copies: readonly TwinFault[];
  /** What the store gave no answer for, in words: it may be right. */
  readonly unread: readonly string[];
  /** What the log calls damaged and reads well. */
  readonly readable: readonly {
    readonly disk: DiskId;
    readonly kind: SegmentKind;
    readonly segment: SegmentId;
    readonly slots: SlotRanges;
  }[];
  /** Slots of `readable` that were written anew, so that the log calls them damaged no more. */
  readonly healedSlots: number;
  /** Damaged slots that the log did not know before and does now. */
  readonly recordedSlots: number;
  readonly warnings: readonly string[];
};

/**
 * Checks that what a machine's points need is there and as it was written: bodies, every tree node, second copies, and of
 * every data segment that it exists, is as long as it should be, and has what points want of it. With `readData`, the
 * blocks themselves are read too.
 *
 * That a block cannot be read because the store does not answer is not damage, unless the options say that it is: it is
 * told apart, and not logged. Nor is what a prune took away meanwhile.
 *
 * @throws {LockstepError} POINT_GONE: the point is purged or never was; ARGUMENT_INVALID: no such part; and what the store
 *   throws when it is gone as a whole
 */
export async function check(vault: Vault, log: Log, options: CheckOptions, signal: AbortSignal): Promise<CheckResult> {
  const { readData } = options;
  if (readData !== null && !(readData.part >= 1 && readData.part <= readData.of)) {
    throw new LockstepError("ARGUMENT_INVALID", `There is no part ${readData.part} of ${readData.of}.`);
  }
  const fold = await log.read(signal);
  const startedAt = vault.now().toString();
  const states = statesOf(fold, options.point);
  const bodies = await checkBodies(vault, log, states, options, signal);
  const disks: CheckedDisk[] = [];
  const entries =
    options.point === null ? await checkEntries(vault, log, fold.seq, options.repair, signal) : nothingMissing;
  const copies = [...entries.copies, ...bodies.copies];
  const unread = [...entries.unread, ...bodies.unread];
  const counts = { nodes: 0, data: 0 };
  let readBytes = 0;
  for (const [disk, trees] of treesOf(fold, states, options.point === null)) {
    const checked = await CheckedDisk.read({ vault, log, disk, trees }, options, signal);
    await checked.checkData((segment) => readData !== null && isInPart(segment, readData), options, signal);
    disks.push(checked);
    copies.push(...checked.copies);
    unread.push(...checked.unread);
    counts.nodes += checked.marks.nodes.size;
    counts.data += checked.marks.data.size;
    readBytes += checked.readBytes;
  }
  const warnings = [...entries.lost];
  const damage: FoundDamage[] = [];
  const hurt: HurtDisk[] = [];
  let recordedSlots = 0;
  let healedSlots = 0;
  for (const checked of disks) {
    const segments = await checked.locate(signal);
    damage.push(...segments.map((segment) => damageOf(checked, segment)));
    hurt.push(...hurtDisks(checked, segments));
    if (!options.record) continue;
    const found = segments.filter(({ known }) => !known);
    const missed = await tryToLog(async () => {
      recordedSlots += await logDamage(log, checked.disk, found, signal);
    });
    if (missed !== null)
      warnings.push(`The damage that was found could not be logged, so no backup will heal it: ${missed}`);
  }
  if (options.record) {
    const part = readData === null || unread.length > 0 ? null : ([readData.part, readData.of] as const);
    const points = options.point === null ? null : [options.point];
    const hurtPoints = [...new Set(hurt.map(({ point }) => point))];
    const finding = { points, upTo: fold.seq, part, startedAt, hurt: hurtPoints };
    const missed = await tryToLog(() => logCheck(log, finding, signal));
    if (missed !== null) warnings.push(`That this was checked could not be logged: ${missed}`);
  }
  const readable = disks.flatMap((checked) => checked.readable.map((each) => ({ disk: checked.disk, ...each })));
  if (options.repair && readable.length > 0) {
    const missed = await tryToLog(async () => {
      healedSlots = await healReadable(vault, log, readable, signal);
    });
    if (missed !== null) warnings.push(`What reads well again could not be written anew: ${missed}`);
  }
  if (options.point !== null) statesOf(log.fold, options.point); // purged meanwhile, it is gone and not sound
  const damagedBytes = hurt.reduce((sum, { ranges }) => sum + ranges.reduce((a, range) => a + range.lengthBytes, 0), 0);
  const isWhole = damage.length + bodies.lost.length + entries.lost.length + unread.length === 0;
  return {
    ok: isWhole && copies.every(({ repaired }) => repaired),
    points: states.length,
    segments: counts,
    readBytes,
    damage,
    hurt,
    damagedBytes,
    bodies: bodies.lost,
    copies,
    unread,
    readable,
    healedSlots,
    recordedSlots,
    warnings,
  };
}

const nothingMissing: CheckedEntries = { lost: [], copies: [], unread: [] };

/** Why something could not be logged, where that leaves the check right; null when it was. @throws what `work` throws else */
async function tryToLog(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (
      isLockstepError(error, "STORE_DENIED", "STORE_FULL", "STORE_UNAVAILABLE", "KEYRING_ROLLED_BACK", "SESSION_FENCED")
    ) {
      return messageOf(error);
    }
    throw error;
  }
}

/** @throws {LockstepError} POINT_GONE */
function statesOf(fold: Fold, point: PointId | null): readonly PointState[] {
  if (point === null) return [...fold.points.values()].sort((a, b) => a.seq - b.seq);
  const state = fold.points.get(point);
  if (state !== undefined) return [state];
  throw new LockstepError(
    "POINT_GONE",
    `Machine ${fold.machine.name} has no point ${point}: it was purged, or never was.`,
  );
}

type CheckedBodies = {
  readonly lost: readonly { readonly point: PointId; readonly why: string }[];
  readonly copies: readonly TwinFault[];
  readonly unread: readonly string[];
};

async function checkBodies(
  vault: Vault,
  log: Log,
  states: readonly PointState[],
  { repair, progress }: CheckOptions,
  signal: AbortSignal,
): Promise<CheckedBodies> {
  const lost: { point: PointId; why: string }[] = [];
  const copies: TwinFault[] = [];
  const unread: string[] = [];
  for (const [index, { point, session, body }] of states.entries()) {
    const key = objectKeys.point(log.machine, session, point);
    const faultOf = (bytes: Uint8Array): string | null =>
      hex(sha256(bytes)) === body.sha256 ? null : "it is not what the log names";
    const { bytes, faults } = await checkTwins(vault, key, { limitBytes: BODY_LIMIT_BYTES, faultOf, repair }, signal);
    progress({ phase: "bodies", done: index + 1, of: states.length });
    for (const fault of faults) if (fault.what === "unread") unread.push(fault.why);
    const certain = faults.filter(({ what }) => what !== "unread");
    if (bytes !== null) copies.push(...certain);
    else if (certain.length === faults.length && (await log.read(signal)).points.has(point)) {
      lost.push({ point, why: faults.map(({ why }) => why).join("; ") });
    }
  }
  return { lost, copies, unread };
}

/** The trees to check, by disk. */
function treesOf(fold: Fold, states: readonly PointState[], withOpen: boolean): ReadonlyMap<DiskId, CheckedTree[]> {
  const trees = new Map<DiskId, CheckedTree[]>();
  const add = (disk: DiskId, root: string | null, sizeBytes: number, point: PointState | null): void => {
    const pointer = rootFromText(root);
    if (pointer === null) return;
    const ofDisk = trees.get(disk) ?? [];
    ofDisk.push({ root: pointer, sizeBytes, point });
    trees.set(disk, ofDisk);
  };
  for (const state of states) for (const { disk, root, sizeBytes } of state.disks) add(disk, root, sizeBytes, state);
  if (!withOpen) return trees;
  for (const part of [fold.backup?.adopted, fold.backup?.checkpoint]) {
    for (const { disk, root, sizeBytes } of part?.disks ?? []) add(disk, root, sizeBytes, null);
  }
  return trees;
}

function isInPart(segment: SegmentId, { part, of }: DataPart): boolean {
  const hash = sha256(utf8(segment));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0, true) % of === part - 1;
}

function damageOf({ disk }: CheckedDisk, segment: HurtSegment): FoundDamage {
  const { kind, generation, slots, why, known, hurts } = segment;
  const points = [...new Set(hurts.flatMap(({ tree }) => tree.point ?? []))].sort((a, b) => a.seq - b.seq);
  return {
    disk,
    kind,
    segment: segment.segment,
    generation,
    slots,
    why,
    known,
    points: points.map(({ point }) => point),
  };
}

/** Puts together, for each point, what all damaged segments of the disk take from it. */
function hurtDisks({ disk, blockBytes }: CheckedDisk, segments: readonly HurtSegment[]): HurtDisk[] {
  const byTree = new Map<CheckedTree, { first: number; end: number }[]>();
  for (const { hurts } of segments) {
    for (const { tree, firstBlock, blocks } of hurts) {
      const runs = byTree.get(tree) ?? [];
      runs.push({ first: firstBlock, end: firstBlock + blocks });
      byTree.set(tree, runs);
    }
  }
  const hurt: HurtDisk[] = [];
  for (const [{ point, sizeBytes }, runs] of byTree) {
    if (point === null) continue;
    const name = point.disks.find((each) => each.disk === disk)?.name ?? disk;
    const ranges = merged(runs).map(({ first, end }) => {
      const offsetBytes = first * blockBytes;
      return { offsetBytes, lengthBytes: Math.min(end * blockBytes, sizeBytes) - offsetBytes };
    });
    hurt.push({ point: point.point, capturedAt: point.capturedAt, disk, name, ranges });
  }
  return hurt.sort((a, b) => (a.capturedAt < b.capturedAt ? -1 : 1));
}

function merged(runs: readonly { first: number; end: number }[]): { first: number; end: number }[] {
  const result: { first: number; end: number }[] = [];
  for (const { first, end } of [...runs].sort((a, b) => a.first - b.first)) {
    const last = result.at(-1);
    if (last !== undefined && first <= last.end) last.end = Math.max(last.end, end);
    else result.push({ first, end });
  }
  return result;
}
