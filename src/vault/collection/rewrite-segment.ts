import type { Random } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import type { Retry } from "#store/retry.ts";
import type { Replacement } from "#vault/entry/entry.ts";
import { generationId } from "#vault/object/ids.ts";
import type { GenerationId, MachineId, SessionId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { looksCompressible } from "#vault/segments/compressible.ts";
import { SegmentBuilder } from "#vault/segments/segment-builder.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";
import { storeSegment } from "#vault/segments/segment-store.ts";
import { parseTable, readTable } from "#vault/segments/segment-table.ts";
import { keyOfSegment, MAX_SEGMENT_BYTES, newSegmentCipher, PAGE_BYTES } from "#vault/segments/segment.ts";
import type { SegmentName, SegmentTable } from "#vault/segments/segment.ts";
import { MAX_SLOT_BYTES, openSlot } from "#vault/segments/slot.ts";

/** What rewriting needs of the vault, and the open session that it is done in. */
export type RewriteDeps = {
  readonly store: Store;
  readonly keys: VaultKeys;
  readonly retry: Retry;
  readonly random: Random;
  readonly machine: MachineId;
  readonly session: SessionId;
};

/** Which slots the new generation gets, and from where. */
export type RewritePlan = {
  readonly ref: SegmentRef;
  /** The generation to read: the current one. */
  readonly from: GenerationId;
  /** One more than the highest slot that is wanted. */
  readonly slotCount: number;
  /**
   * False: nothing reaches the slot any more. It is asked for every slot. "present": nobody has looked at what is
   * reached, so all that `from` has, and all that the log calls damaged, is kept.
   */
  readonly keep: "present" | ((slot: number) => boolean);
  /** What the log calls damaged may be left out, unless `remedy` is null; anything else that cannot be read stops the rewriting. */
  readonly isDamaged: (slot: number) => boolean;
  /** The content of a damaged slot from elsewhere; null where there is none. As a whole null: nothing may be left out. */
  readonly remedy: ((slot: number) => Promise<Uint8Array | null>) | null;
};

/** A new generation, stored but not yet in the log; or why the segment was left alone. */
export type Rewritten =
  { readonly replacement: Replacement; readonly storedBytes: number } | { readonly leftAlone: string };

type Loaded = {
  readonly table: SegmentTable;
  readonly bytes: Uint8Array;
  /** The store gave the table and not one slot: they may be right, and be read tomorrow. */
  readonly isSilent?: true;
};

/**
 * Makes a new generation of a segment: reads the slots that are wanted, checks them, and seals them with the newest data
 * key. Collection, healing and re-keying are this. The new generation is durable when it resolves; it counts once the
 * log names it, and only then the old one may go.
 *
 * @throws {LockstepError} what the store throws
 */
export async function rewriteSegment(deps: RewriteDeps, plan: RewritePlan, signal: AbortSignal): Promise<Rewritten> {
  const from: SegmentName = { machine: deps.machine, ...plan.ref, generation: plan.from };
  const loaded = await load(deps, from, signal);
  if (loaded === "silent") return { leftAlone: `the store gives no answer for ${keyOfSegment(from)}` };
  const isSilent = loaded.some((each) => each.isSilent === true);
  const count = Math.max(plan.slotCount, ...loaded.map(({ table }) => table.slotCount));
  const contents: (Uint8Array | null)[] = [];
  const heals: number[] = [];
  const drops: number[] = [];
  let plainBytes = 0;
  for (let slot = 0; slot < count; slot++) {
    signal.throwIfAborted();
    let content: Uint8Array | null = null;
    const wasDamaged = plan.isDamaged(slot);
    const keep = plan.keep === "present" ? wasDamaged || isPresent(loaded, slot) : plan.keep(slot);
    if (keep) {
      const remedy = wasDamaged ? plan.remedy : null;
      content = readSlot(loaded, slot) ?? (await remedy?.(slot)) ?? null;
      if (content === null && isSilent) return { leftAlone: `the store gives no answer for ${keyOfSegment(from)}` };
      if (content === null && remedy === null)
        return { leftAlone: `slot ${slot} of ${keyOfSegment(from)} cannot be read` };
      if (content !== null && wasDamaged) heals.push(slot);
    } else if (wasDamaged) drops.push(slot);
    contents.push(content);
    plainBytes += content?.length ?? 0;
  }

  const to = generationId(deps.session, deps.random(16));
  const cipher = newSegmentCipher(deps.keys, { ...from, generation: to });
  const builder = new SegmentBuilder(cipher, new Uint8Array(PAGE_BYTES + plainBytes));
  for (const content of contents) {
    if (content === null) builder.skip();
    else builder.add(content, plan.ref.kind === "data" && looksCompressible(content));
  }
  const pieces = builder.finish();
  await storeSegment(deps, cipher, plan.ref.kind, pieces, signal);
  const storedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { kind, segment } = plan.ref;
  return { replacement: { kind, segment, from: plan.from, to, heals, drops }, storedBytes };
}

/**
 * The generation's object, and its second copy, as far as they can be read at all. "silent": the store gives no answer, so
 * not even which slots there are is known, and nothing may be left out.
 */
async function load(deps: RewriteDeps, name: SegmentName, signal: AbortSignal): Promise<readonly Loaded[] | "silent"> {
  const key = keyOfSegment(name);
  const places = name.kind === "nodes" ? [key, objectKeys.copy(key)] : [key];
  const loaded: Loaded[] = [];
  for (const place of places) {
    // What has no table keeps no slot, so one bad read must not be enough to call it broken.
    const found = (await loadOnce(deps, name, place, signal)) ?? (await loadOnce(deps, name, place, signal));
    if (found === "silent") return "silent";
    if (found !== null) loaded.push(found);
  }
  return loaded;
}

/** Null when there is no such object, or none that opens. Of data that the store does not give as a whole, what it gives. */
async function loadOnce(
  { store, keys }: RewriteDeps,
  name: SegmentName,
  place: ObjectKey,
  signal: AbortSignal,
): Promise<Loaded | "silent" | null> {
  try {
    const bytes = await store.get(place, MAX_SEGMENT_BYTES, signal);
    return bytes === null ? null : { table: parseTable(keys, name, bytes), bytes };
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE") && name.kind === "data")
      return loadSlots(store, keys, name, signal);
    if (!isLockstepError(error, "OBJECT_CORRUPT", "FIELD_CORRUPT", "OBJECT_TOO_LARGE")) throw error;
    return null;
  }
}

/**
 * Reads an object slot by slot, for one on a failing medium: zeros stand for what it refuses, which is some of it, so that
 * the rest shows that the store answers.
 */
async function loadSlots(
  store: Store,
  keys: VaultKeys,
  name: SegmentName,
  signal: AbortSignal,
): Promise<Loaded | "silent" | null> {
  let table: SegmentTable;
  try {
    table = await readTable(store, keys, name, signal);
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE")) return "silent";
    if (!isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT")) throw error;
    return null;
  }
  let answers = 0;
  const bytes = new Uint8Array(table.endBytes);
  for (const { offsetBytes, storedBytes } of table.rows()) {
    if (storedBytes === 0) continue;
    try {
      await store.read(table.cipher.key, offsetBytes, bytes.subarray(offsetBytes, offsetBytes + storedBytes), signal);
      answers++;
    } catch (error) {
      if (!isLockstepError(error, "STORE_UNAVAILABLE")) throw error;
    }
  }
  return answers === 0 ? { table, bytes, isSilent: true } : { table, bytes };
}

function isPresent(loaded: readonly Loaded[], slot: number): boolean {
  return loaded.some(({ table }) => (table.row(slot)?.plainBytes ?? 0) > 0);
}

function readSlot(loaded: readonly Loaded[], slot: number): Uint8Array | null {
  for (const { table, bytes } of loaded) {
    const row = table.row(slot);
    if (row === undefined || row.plainBytes === 0 || row.plainBytes > MAX_SLOT_BYTES) continue;
    const plain = new Uint8Array(row.plainBytes);
    try {
      const stored = bytes.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
      if (openSlot(table.cipher, slot, row, stored, plain)) return plain;
    } catch (error) {
      if (!isLockstepError(error, "OBJECT_CORRUPT")) throw error; // as unreadable as a wrong tag: try the copy
    }
  }
  return null;
}
