import { isLockstepError, messageOf } from "#errors/errors.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { GenerationId } from "#vault/object/ids.ts";
import { readTable } from "#vault/segments/segment-table.ts";
import type { SegmentName, SegmentTable } from "#vault/segments/segment.ts";
import { MAX_SLOT_BYTES, openSlot } from "#vault/segments/slot.ts";
import type { LiveSegment } from "#vault/tree/live-slots.ts";
import type { NodeSource } from "#vault/tree/node-segment.ts";

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

/** How deep a segment is looked at. */
export type DataDepth = {
  /** The slots are read, too. */
  readonly read: boolean;
  /** What the store gives no answer for counts as bad: somebody knows that the medium is failing, and not the way to it. */
  readonly unreadIsBad: boolean;
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
  depth: DataDepth,
  signal: AbortSignal,
): Promise<DataFinding> {
  for (let last: DataFinding | null = null; ;) {
    const generation = currentGeneration(source.log.fold, source.disk, "data", live.id);
    if (last?.generation === generation) return last;
    last = await checkGeneration(source, generation, live, depth, signal);
    if (last.bad.length === 0) return last;
    await source.log.read(signal);
  }
}

async function checkGeneration(
  { store, keys, machine, disk }: NodeSource,
  generation: GenerationId,
  { id: segment, slots }: LiveSegment,
  { read, unreadIsBad }: DataDepth,
  signal: AbortSignal,
): Promise<DataFinding> {
  const name: SegmentName = { machine, disk, kind: "data", segment, generation };
  let table: SegmentTable;
  try {
    table = await readTable(store, keys, name, signal);
  } catch (error) {
    const why = messageOf(error);
    if (isLockstepError(error, "STORE_UNAVAILABLE") && !unreadIsBad)
      return { generation, bad: [], unread: [...slots], why, readBytes: 0 };
    if (!isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT", "STORE_UNAVAILABLE")) throw error;
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
    const stretches = [...stretchesOf(table, wanted, STRETCH_BYTES)];
    for (let stretch = stretches.shift(); stretch !== undefined; stretch = stretches.shift()) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(stretch.lengthBytes);
      try {
        const { slots: read, offsetBytes } = stretch;
        const got = await store.read(key, offsetBytes, bytes, signal);
        const wrong = read.filter((slot) => got !== bytes.length || !isRight(table, slot, bytes, offsetBytes));
        bad.push(...wrong);
        if (wrong.length === 0) readBytes += bytes.length;
        else reasons.add(`bytes in ${key} are not what was written`);
      } catch (error) {
        if (!isLockstepError(error, "STORE_UNAVAILABLE")) throw error;
        reasons.add(messageOf(error));
        if (!unreadIsBad) unread.push(...stretch.slots);
        else if (stretch.slots.length === 1) bad.push(...stretch.slots);
        else stretches.unshift(...stretchesOf(table, stretch.slots, 0)); // which of them it is
      }
    }
  }
  return { generation, bad: bad.sort((a, b) => a - b), unread, why: [...reasons].join("; "), readBytes };
}

type SlotStretch = { readonly offsetBytes: number; readonly lengthBytes: number; readonly slots: readonly number[] };

/** Stretches of the object that hold wanted slots, neighbours together up to a length. */
function* stretchesOf(
  table: SegmentTable,
  wanted: readonly number[],
  mostBytes: number,
): Generator<SlotStretch, undefined> {
  let slots: number[] = [];
  let offsetBytes = 0;
  let endBytes = 0;
  for (const slot of wanted) {
    const row = table.row(slot);
    if (row === undefined) continue;
    const rowEnd = row.offsetBytes + row.storedBytes;
    if (slots.length > 0 && (row.offsetBytes !== endBytes || rowEnd - offsetBytes > mostBytes)) {
      yield { offsetBytes, lengthBytes: endBytes - offsetBytes, slots };
      slots = [];
    }
    if (slots.length === 0) ({ offsetBytes } = row);
    slots.push(slot);
    endBytes = rowEnd;
  }
  if (slots.length > 0) yield { offsetBytes, lengthBytes: endBytes - offsetBytes, slots };
}

function isRight(table: SegmentTable, slot: number, bytes: Uint8Array, startsAt: number): boolean {
  const row = table.row(slot);
  if (row === undefined) return false;
  const at = row.offsetBytes - startsAt;
  try {
    return openSlot(table.cipher, slot, row, bytes.subarray(at, at + row.storedBytes), new Uint8Array(row.plainBytes));
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}
