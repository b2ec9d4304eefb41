import * as z from "zod";

import { compareText, fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import {
  count,
  dataPart,
  diskId,
  diskVolumes,
  generationIdField,
  instant,
  keyringRef,
  knownKeyStore,
  pointId,
  receipt,
  segmentIdField,
  segmentKind,
  seqField,
  sessionIdField,
  sha256Hex,
  text,
  verdictFields,
} from "#vault/entry/entry-fields.ts";
import { checkpointDisks, pointFields, slotRanges } from "#vault/entry/entry-format.ts";
import type { DiskVolumes } from "#vault/entry/entry.ts";
import { machineDefinition } from "#vault/entry/machine-definition.ts";
import { FoldMap } from "#vault/fold/fold-map.ts";
import { segmentKey } from "#vault/fold/fold.ts";
import type { Fold, PointState, SegmentKey } from "#vault/fold/fold.ts";
import type { DiskId, PointId, SegmentId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";

const deletion = z.strictObject({ seq: seqField, at: instant, by: z.enum(["rule", "person"]), reason: text(1024) });

const olderPointState = z.strictObject({
  ...pointFields,
  seq: seqField,
  deleted: deletion.nullable(),
  dateDoubtful: z.boolean(),
});

const pointState = z.strictObject({
  ...olderPointState.shape,
  /** Which of the summary's `volumes`. */
  volumes: count.nullable(),
  shown: z.array(z.strictObject({ ...verdictFields, openedAt: instant.nullable() })),
  checkedAt: instant.nullable(),
  hurt: z.boolean(),
});

const checkpoint = z.strictObject({ seq: seqField, at: instant, disks: checkpointDisks }).nullable();

const openSession = z
  .strictObject({
    id: sessionIdField,
    lane: z.enum(["backup", "maintenance"]),
    seq: seqField,
    openedAt: instant,
    host: text(255),
    base: pointId.nullable(),
    adopted: checkpoint,
    checkpoint,
    dateDoubtful: z.boolean(),
  })
  .nullable();

/** Something of many segments, by disk and kind, so that neither is repeated for each. */
function bySegment<Value extends z.ZodType>(value: Value) {
  const segments = z.array(z.tuple([segmentIdField, value]));
  return z.array(z.strictObject({ disk: diskId, kind: segmentKind, segments }));
}

const summary = z.strictObject({
  seq: seqField,
  hash: sha256Hex,
  machine: machineDefinition,
  points: z.array(pointState),
  backup: openSession,
  maintenance: openSession,
  generations: bySegment(generationIdField),
  damaged: bySegment(slotRanges),
  keyring: keyringRef,
  clock: z.strictObject({ trustedAt: instant, doubtfulSinceSeq: count.nullable() }),
  /** Each of what points have, once: most have the same. */
  volumes: z.array(diskVolumes),
  keyStore: knownKeyStore.nullable(),
  receipts: z.array(receipt),
  checks: z.array(z.strictObject({ part: dataPart, startedAt: instant, upTo: seqField })),
});

/**
 * As programs wrote it that passed over entries of the type `keystore`, and the first of them over `swept`, `volumes`, `verdict`, `receipt`
 * and `checked` as well.
 */
const olderSummary = z.strictObject({
  ...summary.omit({ keyStore: true }).shape,
  points: z.array(z.union([pointState, olderPointState])),
  volumes: summary.shape.volumes.optional(),
  receipts: summary.shape.receipts.optional(),
  checks: summary.shape.checks.optional(),
});

/** Compiling the schema takes a few milliseconds, and makes long summaries four times as fast to check. */
const COMPILE_FROM_BYTES = 128 * 1024;

type Group<Value> = {
  readonly disk: DiskId;
  readonly kind: SegmentKind;
  readonly segments: readonly (readonly [SegmentId, Value])[];
};

/**
 * The payload of a summary's object, before it is sealed: JSON in UTF-8. Two folds of the same prefix give the same
 * bytes.
 *
 * @see docs/format/log.md, "Summaries"
 */
export function writeSummary(fold: Fold): Uint8Array {
  return utf8(JSON.stringify(summaryOf(fold)));
}

/** What a summary's object says. */
export type ReadSummary = {
  readonly fold: Fold;
  /** Its writer passed over entries of some types, so what they say is not in it. */
  readonly isOlder: boolean;
};

/**
 * Parses the payload of a summary's object. Does not verify that it is the fold of the log: see `verifyLog`.
 *
 * @throws {LockstepError} OBJECT_CORRUPT: not a summary of this format
 */
export function parseSummary(payload: Uint8Array, what: string): ReadSummary {
  const json = parseJson(payload, what);
  if (isOf(summary, json, payload.length)) return { fold: foldOf(json), isOlder: false };
  if (!isOf(olderSummary, json, payload.length)) throw notASummary(json, what);
  const unseen = { volumes: null, shown: [], checkedAt: null, hurt: false };
  const points = json.points.map((point) => ({ ...point, ...unseen }));
  return { fold: foldOf({ ...json, points, volumes: [], keyStore: null, receipts: [], checks: [] }), isOlder: true };
}

/** Says whether it is one as it is, rather than making the copy that a parse makes: the schema changes no value. */
function isOf<Schema extends z.ZodType>(schema: Schema, json: unknown, sizeBytes: number): json is z.output<Schema> {
  return (sizeBytes < COMPILE_FROM_BYTES ? schema : z.compile(schema)).validate(json);
}

function notASummary(json: unknown, what: string): LockstepError {
  const issue = summary.safeParse(json).error?.issues[0];
  const where = issue === undefined ? "" : `: ${issue.path.join(".")}: ${issue.message}`;
  return new LockstepError("OBJECT_CORRUPT", `${what}: not a summary${where}`);
}

function foldOf(json: z.output<typeof summary>): Fold {
  const { points, volumes, generations, damaged, keyStore, receipts, checks, ...rest } = json;
  const stateOf = (point: (typeof points)[number]): [PointId, PointState] => {
    const ofPoint = point.volumes === null ? null : (volumes[point.volumes] ?? null);
    return [point.point, { ...point, volumes: ofPoint }];
  };
  return {
    ...rest,
    points: FoldMap.of(points.map(stateOf)),
    generations: FoldMap.of(ungrouped(generations)),
    damaged: FoldMap.of(ungrouped(damaged)),
    keyStore,
    receipts: new Map(receipts.map((each) => [each.store, each])),
    checks: new Map(checks.map((check) => [check.part.join("/"), check])),
  };
}

function summaryOf(fold: Fold): object {
  const { seq, hash, machine, backup, maintenance, keyring, clock, keyStore } = fold;
  const { points, volumes } = pointsOf(fold);
  const generations = grouped(fold.generations);
  const damaged = grouped(fold.damaged);
  const receipts = [...fold.receipts.values()].sort((a, b) => (a.store < b.store ? -1 : 1));
  const checks = [...fold.checks.values()].sort((a, b) => a.part[1] - b.part[1] || a.part[0] - b.part[0]);
  const state = { seq, hash, machine, points, backup, maintenance, generations, damaged, keyring, clock };
  return { ...state, volumes, keyStore, receipts, checks };
}

/** The points by their entries, and what they have of volumes in the order in which it comes first. */
function pointsOf(fold: Fold): { readonly points: readonly object[]; readonly volumes: readonly unknown[] } {
  const places = new Map<string, number>();
  const placeOf = (volumes: readonly DiskVolumes[]): number => {
    const text = JSON.stringify(volumes);
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return place;
  };
  const sorted = [...fold.points.values()].sort((a, b) => a.seq - b.seq);
  const points = sorted.map(({ shown, ...point }) => ({
    ...point,
    volumes: point.volumes === null ? null : placeOf(point.volumes),
    shown: shown.toSorted((a, b) => compareText(a.disk, b.disk) || compareText(a.volume, b.volume)),
  }));
  return { points, volumes: [...places.keys()].map((text) => JSON.parse(text) as unknown) };
}

function grouped<Value>(map: FoldMap<SegmentKey, Value>): Group<Value>[] {
  const groups = new Map<string, Group<Value> & { segments: [SegmentId, Value][] }>();
  for (const [key, value] of [...map].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const [disk, kind, segment] = key.split("/") as [DiskId, SegmentKind, SegmentId];
    const name = `${disk}/${kind}`;
    const group = groups.get(name) ?? { disk, kind, segments: [] };
    group.segments.push([segment, value]);
    groups.set(name, group);
  }
  return [...groups.values()];
}

function* ungrouped<Value>(groups: readonly Group<Value>[]): Generator<[SegmentKey, Value], undefined> {
  for (const { disk, kind, segments } of groups) {
    for (const [segment, value] of segments) yield [segmentKey(disk, kind, segment), value];
  }
}

function parseJson(payload: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(fromUtf8(payload));
  } catch (cause) {
    throw new LockstepError("OBJECT_CORRUPT", `${what}: ${messageOf(cause)}`, { cause });
  }
}
