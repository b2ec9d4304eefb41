import * as z from "zod";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import {
  count,
  diskId,
  generationIdField,
  instant,
  keyringRef,
  pointId,
  segmentIdField,
  segmentKind,
  seqField,
  sessionIdField,
  sha256Hex,
  text,
} from "#vault/entry-fields.ts";
import { checkpointDisks, pointFields, slotRanges } from "#vault/entry-format.ts";
import { FoldMap } from "#vault/fold-map.ts";
import { segmentKey } from "#vault/fold.ts";
import type { Fold, SegmentKey } from "#vault/fold.ts";
import type { DiskId, SegmentId } from "#vault/ids.ts";
import { machineDefinition } from "#vault/machine-definition.ts";
import type { SegmentKind } from "#vault/object-keys.ts";

const deletion = z.strictObject({ seq: seqField, at: instant, by: z.enum(["rule", "person"]), reason: text(1024) });

const pointState = z.strictObject({
  ...pointFields,
  seq: seqField,
  deleted: deletion.nullable(),
  dateDoubtful: z.boolean(),
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

/**
 * Parses the payload of a summary's object. Does not verify that it is the fold of the log: see `verifySummaries`.
 *
 * @throws {LockstepError} OBJECT_CORRUPT: not a summary of this format
 */
export function parseSummary(payload: Uint8Array, what: string): Fold {
  const json = parseJson(payload, what);
  if (!isSummary(json, payload.length)) throw notASummary(json, what);
  const { points, generations, damaged, ...rest } = json;
  return {
    ...rest,
    points: FoldMap.of(points.map((point) => [point.point, point])),
    generations: FoldMap.of(ungrouped(generations)),
    damaged: FoldMap.of(ungrouped(damaged)),
  };
}

/** Says whether it is one as it is, rather than making the copy that a parse makes: the schema changes no value. */
function isSummary(json: unknown, sizeBytes: number): json is z.output<typeof summary> {
  return (sizeBytes < COMPILE_FROM_BYTES ? summary : z.compile(summary)).validate(json);
}

function notASummary(json: unknown, what: string): LockstepError {
  const issue = summary.safeParse(json).error?.issues[0];
  const where = issue === undefined ? "" : `: ${issue.path.join(".")}: ${issue.message}`;
  return new LockstepError("OBJECT_CORRUPT", `${what}: not a summary${where}`);
}

function summaryOf(fold: Fold): object {
  const { seq, hash, machine, backup, maintenance, keyring, clock } = fold;
  const points = [...fold.points.values()].sort((a, b) => a.seq - b.seq);
  const generations = grouped(fold.generations);
  const damaged = grouped(fold.damaged);
  return { seq, hash, machine, points, backup, maintenance, generations, damaged, keyring, clock };
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
