import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import type { LeftAlone, SegmentToReplace } from "#vault/collection/replace-segments.ts";
import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { HEADER_BYTES, parseHeader } from "#vault/object/header.ts";
import { sessionOfSegment } from "#vault/object/ids.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { parseObjectKey } from "#vault/segments/known-objects.ts";
import type { SegmentObject } from "#vault/segments/known-objects.ts";
import type { DiskMarks } from "#vault/tree/mark.ts";

/** Where outdated segments are looked for, and who is told what was passed over. */
export type OutdatedSearch = {
  readonly store: Store;
  readonly log: Log;
  readonly currentEpoch: number;
  /** Told of every segment that was looked at. */
  readonly progress: () => void;
  /** Told of a segment whose data key cannot be told, or that a running backup still writes. */
  readonly passOver: (left: LeftAlone) => void;
};

/**
 * Finds the segments of a disk whose current generation is sealed with an older data key than the newest. Reads the first
 * 64 bytes of each object.
 */
export async function* outdatedSegments(
  { store, log, currentEpoch, progress, passOver }: OutdatedSearch,
  disk: DiskId,
  marks: DiskMarks,
  signal: AbortSignal,
): AsyncGenerator<SegmentToReplace, undefined> {
  for (const kind of ["data", "nodes"] as const) {
    for await (const { key, sizeBytes } of store.list(objectKeys.segmentPrefix(log.machine, disk, kind), {}, signal)) {
      const object = parseObjectKey(key);
      if (object?.what !== "segment" || !isCurrent(log, object)) continue;
      const live = marks[kind].get(object.segment);
      if (live === undefined) continue;
      progress();
      const ref = { disk, kind, segment: object.segment };
      const epoch = await epochOf(store, key, kind, signal);
      if (epoch === currentEpoch) continue;
      if (typeof epoch === "string") {
        await log.read(signal);
        if (isCurrent(log, object)) passOver({ ref, why: epoch });
      } else if (!isDeadSession(log.fold, sessionOfSegment(object.segment))) {
        passOver({ ref, why: "a backup that is running writes it" });
      } else {
        yield { ref, live, sizeBytes, copyBytes: kind === "nodes" && store.traits.singleDisk ? sizeBytes : 0 };
      }
    }
  }
}

function isCurrent(log: Log, { disk, kind, segment, generation }: SegmentObject): boolean {
  return currentGeneration(log.fold, disk, kind, segment) === generation;
}

/** The number of the data key; or why it cannot be told, in words. */
async function epochOf(
  store: Store,
  key: string,
  kind: SegmentObject["kind"],
  signal: AbortSignal,
): Promise<number | string> {
  const header = new Uint8Array(HEADER_BYTES);
  try {
    const got = await store.read(key, 0, header, signal);
    if (got === null) return `${key} is missing`;
    return parseHeader(key, header.subarray(0, got), kind === "data" ? "segd" : "segn", 0).epoch;
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT", "FIELD_CORRUPT", "STORE_UNAVAILABLE")) return messageOf(error);
    throw error;
  }
}
