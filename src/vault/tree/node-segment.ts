import { equalBytes } from "#bytes/arrays.ts";
import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { formatSlots } from "#vault/fold/fold-slots.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId, GenerationId, MachineId, SegmentId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { parseTable } from "#vault/segments/segment-table.ts";
import { keyOfSegment, MAX_SEGMENT_BYTES } from "#vault/segments/segment.ts";
import type { SegmentName, SegmentTable } from "#vault/segments/segment.ts";
import { openSlot } from "#vault/segments/slot.ts";
import type { LiveSegment, SlotBits } from "#vault/tree/live-slots.ts";

/** Where the nodes of a disk's block trees are read from. */
export type NodeSource = {
  readonly store: Store;
  readonly keys: VaultKeys;
  readonly machine: MachineId;
  readonly disk: DiskId;
  readonly log: Pick<Log, "fold" | "read">;
};

/** What is wrong with an object or its second copy; "unread": the store gave no answer, which is no damage. */
export type PlaceFault = { readonly what: "missing" | "damaged" | "unread"; readonly why: string };

/** One of the two places where a generation lies. */
export type NodePlace = {
  readonly key: ObjectKey;
  /** Null where there is no object, or none was read. */
  readonly bytes: Uint8Array | null;
  /** Null: every slot that was wanted is there. */
  readonly fault: PlaceFault | null;
};

/** What reading a node segment came to. */
export type NodeSegmentRead = {
  readonly segment: SegmentId;
  readonly generation: GenerationId;
  /** Slots that were wanted and that neither the object nor its copy gives. */
  readonly lost: readonly number[];
  /** Why they are lost; empty when none is. */
  readonly why: string;
  /** False: a place gave no answer, so what is lost may be there. */
  readonly certain: boolean;
  /** The object and its copy, as far as they were looked at. */
  readonly places: readonly NodePlace[];
  readonly slotCount: number;
  /** Bytes that the slots take that were read, as they are stored. */
  readonly storedBytes: number;
};

/** A node segment to read. */
export type WantedNodes = {
  readonly live: LiveSegment;
  /** Those of the slots that were read already. */
  readonly read: SlotBits;
};

/** The longest node: 8 bytes, and 32 pointers. */
const MAX_NODE_BYTES = 8 + 32 * 36;

/**
 * Reads the wanted nodes of one segment, from the highest slot to the lowest, each once; `visit` may add lower slots to
 * what is wanted. What the object does not give is taken from its second copy. After a miss the log is read again:
 * another generation is tried, the same one is a loss.
 *
 * @param visit  gets a node's bytes, a view that is overwritten later; returns false when they are no node
 * @param both   look at the second copy even where nothing is missing
 */
export async function readNodeSegment(
  source: NodeSource,
  wanted: WantedNodes,
  visit: (node: Uint8Array, slot: number) => boolean,
  both: boolean,
  signal: AbortSignal,
): Promise<NodeSegmentRead> {
  for (let last: NodeSegmentRead | null = null; ;) {
    const generation = currentGeneration(source.log.fold, source.disk, "nodes", wanted.live.id);
    if (last?.generation === generation) return last;
    last = await readGeneration(source, generation, wanted, visit, both, signal);
    if (last.lost.length === 0) return last;
    await source.log.read(signal);
  }
}

type Loaded =
  | { readonly bytes: Uint8Array; readonly table: SegmentTable; readonly fault: null }
  | { readonly bytes: null; readonly table: null; readonly fault: PlaceFault };

async function readGeneration(
  source: NodeSource,
  generation: GenerationId,
  wanted: WantedNodes,
  visit: (node: Uint8Array, slot: number) => boolean,
  both: boolean,
  signal: AbortSignal,
): Promise<NodeSegmentRead> {
  const { id: segment } = wanted.live;
  const name: SegmentName = { machine: source.machine, disk: source.disk, kind: "nodes", segment, generation };
  const key = keyOfSegment(name);
  const places: NodePlace[] = [];
  let slotCount = 0;
  let storedBytes = 0;
  for (const place of [key, objectKeys.copy(key)]) {
    const first = places[0];
    if (first !== undefined && !both && !hasUnread(wanted)) break;
    const loaded = await load(source, name, place, signal);
    if (loaded.table !== null) {
      slotCount = Math.max(slotCount, loaded.table.slotCount);
      storedBytes += visitSlots(loaded.table, loaded.bytes, wanted, visit);
    }
    places.push({ key: place, bytes: loaded.bytes, fault: faultOf(loaded, first, wanted) });
  }
  const lost = [...wanted.live.slots].filter((slot) => !wanted.read.has(slot));
  const faults = places.flatMap(({ fault }) => fault ?? []);
  const why = lost.length === 0 ? "" : faults.map((fault) => fault.why).join("; ");
  const certain = faults.every(({ what }) => what !== "unread");
  return { segment, generation, lost, why, certain, places, slotCount, storedBytes };
}

function hasUnread({ live, read }: WantedNodes): boolean {
  return read.size < live.slots.size;
}

async function load(source: NodeSource, name: SegmentName, place: ObjectKey, signal: AbortSignal): Promise<Loaded> {
  const fail = (what: PlaceFault["what"], why: string): Loaded => ({ bytes: null, table: null, fault: { what, why } });
  try {
    const bytes = await source.store.get(place, MAX_SEGMENT_BYTES, signal);
    if (bytes === null) return fail("missing", `${place} is missing`);
    return { bytes, table: parseTable(source.keys, name, bytes), fault: null };
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE")) return fail("unread", messageOf(error));
    if (isLockstepError(error, "OBJECT_CORRUPT", "FIELD_CORRUPT", "OBJECT_TOO_LARGE")) {
      return fail("damaged", `${place}: ${messageOf(error)}`);
    }
    throw error;
  }
}

/** Visits what of the wanted slots is not read yet. @returns bytes that these slots take in the object */
function visitSlots(
  table: SegmentTable,
  bytes: Uint8Array,
  { live, read }: WantedNodes,
  visit: (node: Uint8Array, slot: number) => boolean,
): number {
  const scratch = new Uint8Array(MAX_NODE_BYTES);
  let storedBytes = 0;
  for (let slot = Math.min(table.slotCount - 1, live.slots.highest); slot >= 0; slot--) {
    if (!live.slots.has(slot) || read.has(slot)) continue;
    const node = openNode(table, bytes, slot, scratch);
    if (node === null || !visit(node, slot)) continue;
    read.add(slot);
    storedBytes += table.row(slot)?.storedBytes ?? 0;
  }
  return storedBytes;
}

function openNode(table: SegmentTable, bytes: Uint8Array, slot: number, scratch: Uint8Array): Uint8Array | null {
  const row = table.row(slot);
  if (row === undefined || row.plainBytes === 0 || row.plainBytes > MAX_NODE_BYTES) return null;
  const node = scratch.subarray(0, row.plainBytes);
  const stored = bytes.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
  return openSlot(table.cipher, slot, row, stored, node) ? node : null;
}

/** What is wrong with a place, by the slots that are wanted of it. @param first  the other place, looked at before */
function faultOf(loaded: Loaded, first: NodePlace | undefined, wanted: WantedNodes): PlaceFault | null {
  if (loaded.fault !== null) return loaded.fault;
  // What was just read needs no second look, and a copy with the same bytes is as good.
  if (first === undefined && !hasUnread(wanted)) return null;
  if (first?.fault === null && first.bytes !== null && equalBytes(first.bytes, loaded.bytes)) return null;
  const scratch = new Uint8Array(MAX_NODE_BYTES);
  const { table, bytes } = loaded;
  const bad = [...wanted.live.slots].filter((slot) => openNode(table, bytes, slot, scratch) === null);
  if (bad.length === 0) return null;
  return { what: "damaged", why: `${table.cipher.key}: slots ${formatSlots(bad)} are not what was written` };
}
