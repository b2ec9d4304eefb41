import { isLockstepError, messageOf } from "#errors/errors.ts";
import { currentGeneration } from "#vault/fold.ts";
import type { GenerationId } from "#vault/ids.ts";
import type { LiveSegment } from "#vault/live-slots.ts";
import type { NodeSource } from "#vault/node-segment.ts";
import { readTable } from "#vault/segment-table.ts";
import type { SegmentName, SegmentTable } from "#vault/segment.ts";
import { MAX_SLOT_BYTES, openSlot } from "#vault/slot.ts";

/** What was found of the live slots of one data segment. */
export type DataFinding = {
  readonly generation: GenerationId;
  /** Slots that do not hold what was written. */
  readonly bad: readonly number[];
  /** Slots for which the store gave no answer: that is no damage. */
  readonly unread: readonly number[];
  /** Why, in words; empty when nothing is wrong. */
  readonly why: string;
  /** Bytes of slots that were read and found right. */
  readonly readBytes: number;
};

/** The most that is read at once. */
const STRETCH_BYTES = 4 * 1024 * 1024;

/**
 * Checks that a data segment is there, as long as its table says, and that the table holds the live slots; with `read`,
 * that each of them holds what was written. After a miss the log is read again: another generation is tried, the same one
 * is damaged.
 *
 * A slot's tag is verified, and not the fingerprint in the pointer to it: the tag is made with a key that only the
 * vault's owners have, and binds the bytes to machine, disk, segment, generation and slot. So no fingerprint of a whole
 * disk has to be kept in memory, and slots are read in the order in which they lie.
 */
export async function checkDataSegment(
  source: NodeSource,
  live: LiveSegment,
  read: boolean,
  signal: AbortSignal,
): Promise<DataFinding> {
  for (let last: DataFinding | null = null; ;) {
    const generation = currentGeneration(source.log.fold, source.disk, "data", live.id);
    if (last?.generation === generation) return last;
    last = await checkGeneration(source, generation, live, read, signal);
    if (last.bad.length === 0) return last;
    await source.log.read(signal);
  }
}

async function checkGeneration(
  { store, keys, machine, disk }: NodeSource,
  generation: GenerationId,
  { id: segment, slots }: LiveSegment,
  read: boolean,
  signal: AbortSignal,
): Promise<DataFinding> {
  const name: SegmentName = { machine, disk, kind: "data", segment, generation };
  let table: SegmentTable;
  try {
    table = await readTable(store, keys, name, signal);
  } catch (error) {
    const why = messageOf(error);
    if (isLockstepError(error, "STORE_UNAVAILABLE"))
      return { generation, bad: [], unread: [...slots], why, readBytes: 0 };
    if (!isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT")) throw error;
    return { generation, bad: [...slots], unread: [], why, readBytes: 0 };
  }
  const { key } = table.cipher;
  const bad: number[] = [];
  const unread: number[] = [];
  const reasons = new Set<string>();
  const wanted: number[] = [];
  for (const slot of slots) {
    const plainBytes = table.row(slot)?.plainBytes ?? 0;
    if (plainBytes > 0 && plainBytes <= MAX_SLOT_BYTES) wanted.push(slot);
    else {
      bad.push(slot);
      reasons.add(`${key} does not have slots that it should`);
    }
  }
  let readBytes = 0;
  if (read) {
    for (const stretch of stretchesOf(table, wanted)) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(stretch.lengthBytes);
      try {
        const got = await store.read(key, stretch.offsetBytes, bytes, signal);
        const wrong = stretch.slots.filter((slot) => got !== bytes.length || !isRight(table, slot, bytes, stretch));
        bad.push(...wrong);
        if (wrong.length === 0) readBytes += bytes.length;
        else reasons.add(`bytes in ${key} are not what was written`);
      } catch (error) {
        if (!isLockstepError(error, "STORE_UNAVAILABLE")) throw error;
        unread.push(...stretch.slots);
        reasons.add(messageOf(error));
      }
    }
  }
  return { generation, bad: bad.sort((a, b) => a - b), unread, why: [...reasons].join("; "), readBytes };
}

type SlotStretch = { readonly offsetBytes: number; readonly lengthBytes: number; readonly slots: readonly number[] };

/** Stretches of the object that hold wanted slots, neighbours together. */
function* stretchesOf(table: SegmentTable, wanted: readonly number[]): Generator<SlotStretch, undefined> {
  let slots: number[] = [];
  let offsetBytes = 0;
  let endBytes = 0;
  for (const slot of wanted) {
    const row = table.row(slot);
    if (row === undefined) continue;
    const rowEnd = row.offsetBytes + row.storedBytes;
    if (slots.length > 0 && (row.offsetBytes !== endBytes || rowEnd - offsetBytes > STRETCH_BYTES)) {
      yield { offsetBytes, lengthBytes: endBytes - offsetBytes, slots };
      slots = [];
    }
    if (slots.length === 0) ({ offsetBytes } = row);
    slots.push(slot);
    endBytes = rowEnd;
  }
  if (slots.length > 0) yield { offsetBytes, lengthBytes: endBytes - offsetBytes, slots };
}

function isRight(table: SegmentTable, slot: number, bytes: Uint8Array, stretch: SlotStretch): boolean {
  const row = table.row(slot);
  if (row === undefined) return false;
  const at = row.offsetBytes - stretch.offsetBytes;
  try {
    return openSlot(table.cipher, slot, row, bytes.subarray(at, at + row.storedBytes), new Uint8Array(row.plainBytes));
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}
