import { isLockstepError, LockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { formatSlots } from "#vault/fold/fold-slots.ts";
import { firstGood } from "#vault/object/first-good.ts";
import type { DiskId, GenerationId, MachineId, SegmentId } from "#vault/object/ids.ts";
import { Lru } from "#vault/object/lru.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { parseTable, readTable } from "#vault/segments/segment-table.ts";
import { keyOfSegment, MAX_SEGMENT_BYTES } from "#vault/segments/segment.ts";
import type { SegmentName, SegmentTable } from "#vault/segments/segment.ts";
import { openSlots, slotBatch } from "#vault/segments/slot-batch.ts";
import type { BadSlots, SlotBatch, SlotPlace } from "#vault/segments/slot-batch.ts";
import { openSlot } from "#vault/segments/slot.ts";

/** Names a segment; which generation holds it is the log's to say. */
export type SegmentRef = { readonly disk: DiskId; readonly kind: SegmentKind; readonly segment: SegmentId };

/** What the log says about segments, as far as it has been read. */
export type SegmentResolver = {
  /** The generation that is current. */
  current(ref: SegmentRef): GenerationId;
  /** Reads the log on. @throws {LockstepError} POINT_GONE: what is being read was purged meanwhile */
  refresh(signal: AbortSignal): Promise<void>;
};

/** Opens slots, in this thread or another one. @see openSlots */
export type SlotOpener = (batch: SlotBatch) => Promise<BadSlots>;

/** Slots that cannot be read although the log names the object that should hold them. */
export type SlotDamage = { readonly ref: SegmentRef; readonly slots: readonly number[]; readonly why: string };

/** A read failed for damage; says which slots, so that a check can log them and a backup can heal them. */
export class DamageError extends LockstepError {
  readonly damage: SlotDamage;

  constructor(damage: SlotDamage) {
    const { ref, slots, why } = damage;
    super("BLOCK_DAMAGED", `${ref.kind} segment ${ref.segment}, slots ${formatSlots(slots)}: ${why}`, {
      hint: "'lockstep check NAME --read-data' lists what this hurts; the next backup heals what the disk still holds.",
    });
    this.damage = damage;
  }
}

/** A generation of a node segment in memory. */
type LoadedSegment = { readonly table: SegmentTable; readonly bytes: Uint8Array };

/** Why slots were not read from the generation that was tried. */
type Miss = { readonly slots: readonly number[]; readonly why: string };

const TABLES_BYTES = 16 * 1024 * 1024;
const LOADED_BYTES = 24 * 1024 * 1024;

/** Reads slots of segments, whichever generation holds them now. */
export class SegmentReader {
  readonly #store: Store;
  readonly #keys: VaultKeys;
  readonly #machine: MachineId;
  readonly #resolver: SegmentResolver;
  readonly #open: SlotOpener;
  readonly #tables = new Lru<ObjectKey, SegmentTable>(TABLES_BYTES, (table) => table.weightBytes);
  readonly #tablesBeingRead = new Map<ObjectKey, Promise<SegmentTable>>();
  readonly #loaded = new Lru<ObjectKey, LoadedSegment>(LOADED_BYTES, ({ bytes }) => bytes.length);

  /** @param from.open  opens what `readSlots` reads; by itself, in this thread, unless another way is given */
  constructor(from: {
    store: Store;
    keys: VaultKeys;
    machine: MachineId;
    resolver: SegmentResolver;
    open?: SlotOpener;
  }) {
    this.#store = from.store;
    this.#keys = from.keys;
    this.#machine = from.machine;
    this.#resolver = from.resolver;
    this.#open = from.open ?? ((batch) => Promise.resolve(openSlots(batch)));
  }

  /**
   * Reads slots with one ranged get that goes from the first to the last of them.
   *
   * @param slots   ascending, at least one
   * @param buffer  room for the stored bytes of that stretch
   * @param into    memory for the plaintexts; it may be `buffer`
   * @param place   where in `into` a slot's plaintext goes: called with its index in `slots`, its size, and the offset of its
   *                ciphertext in `buffer` (null where that has another size), which may be the place
   * @throws {DamageError} BLOCK_DAMAGED; other slots may have been placed
   */
  async readSlots(
    ref: SegmentRef,
    slots: readonly number[],
    buffer: Uint8Array,
    into: Uint8Array,
    place: (index: number, plainBytes: number, storedAt: number | null) => number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#onCurrent(ref, slots, signal, async (name) => {
      const table = await this.table(name, signal);
      const bad = slots.filter((slot) => (table.row(slot)?.plainBytes ?? 0) === 0);
      const first = table.row(slots[0] ?? -1);
      const last = table.row(slots.at(-1) ?? -1);
      if (bad.length > 0 || first === undefined || last === undefined) {
        return { slots: bad, why: "not in the object that should hold them" };
      }
      const start = first.offsetBytes;
      const length = last.offsetBytes + last.storedBytes - start;
      const got = await this.#store.read(table.cipher.key, start, buffer.subarray(0, length), signal);
      if (got !== length) return { slots, why: `${table.cipher.key} is ${got === null ? "missing" : "cut short"}` };
      const places: SlotPlace[] = [];
      for (const [index, slot] of slots.entries()) {
        const row = table.row(slot);
        if (row === undefined) continue;
        const storedAt = row.offsetBytes - start;
        const intoAt = place(index, row.plainBytes, row.storedBytes === row.plainBytes ? storedAt : null);
        places.push({ slot, row, storedAt, intoAt });
      }
      const wrong = (await this.#open(slotBatch(table.cipher, buffer, into, places))) ?? slots;
      return wrong.length === 0 ? null : { slots: wrong, why: `bytes in ${table.cipher.key} are not what was written` };
    });
  }

  /**
   * Reads slots, wherever in their segment they lie, from the file that the store lends, in the thread that opens them: quicker
   * than `readSlots` where few that lie together are wanted.
   *
   * @param slots  at least one, in any order
   * @param place  as for `readSlots`; no ciphertext is the place
   * @returns      false where the store lends nothing, and where anything was not as it should be, which `readSlots` finds out
   */
  async readLent(
    ref: SegmentRef,
    slots: readonly number[],
    into: Uint8Array,
    place: (index: number, plainBytes: number, storedAt: null) => number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const store = this.#store;
    if (store.lend === undefined) return false;
    const table = await this.#tableOrNull(
      { machine: this.#machine, ...ref, generation: this.#resolver.current(ref) },
      signal,
    );
    if (table === null) return false;
    const places: SlotPlace[] = [];
    for (const [index, slot] of slots.entries()) {
      const row = table.row(slot);
      if (row === undefined || row.plainBytes === 0) return false;
      places.push({ slot, row, storedAt: row.offsetBytes, intoAt: place(index, row.plainBytes, null) });
    }
    const open = (descriptor: number): Promise<BadSlots> =>
      this.#open(slotBatch(table.cipher, { descriptor }, into, places));
    return (await store.lend(table.cipher.key, open, signal))?.length === 0;
  }

  async #tableOrNull(name: SegmentName, signal: AbortSignal): Promise<SegmentTable | null> {
    try {
      return await this.table(name, signal);
    } catch (error) {
      if (isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT")) return null;
      throw error;
    }
  }

  /**
   * The table of one generation. Whoever asks while it is being read waits for that read, and fails with it.
   *
   * @throws {LockstepError} OBJECT_MISSING, OBJECT_CORRUPT, VAULT_NEWER
   */
  async table(name: SegmentName, signal: AbortSignal): Promise<SegmentTable> {
    const key = keyOfSegment(name);
    const known = this.#tables.get(key) ?? this.#tablesBeingRead.get(key);
    if (known !== undefined) return known;
    const reading = this.#readTable(name, key, signal).finally(() => this.#tablesBeingRead.delete(key));
    this.#tablesBeingRead.set(key, reading);
    return reading;
  }

  async #readTable(name: SegmentName, key: ObjectKey, signal: AbortSignal): Promise<SegmentTable> {
    const table = await readTable(this.#store, this.#keys, name, signal);
    this.#tables.set(key, table);
    return table;
  }

  /** A slot of a node segment when that is in memory: its plaintext, a copy; null when it has to be loaded. */
  loadedSlot(ref: SegmentRef, slot: number): Uint8Array | null {
    const name = { machine: this.#machine, ...ref, generation: this.#resolver.current(ref) };
    const loaded = this.#loaded.get(keyOfSegment(name));
    return loaded === undefined ? null : openLoaded(loaded, slot);
  }

  /**
   * A slot of a segment of which others will be wanted soon (tree nodes): the whole segment is read, and kept for a
   * while. Where its object does not give the slot, its second copy is tried.
   *
   * @returns the plaintext, a copy
   * @throws {DamageError} BLOCK_DAMAGED
   */
  async readNearby(ref: SegmentRef, slot: number, signal: AbortSignal): Promise<Uint8Array> {
    let plain: Uint8Array | null = null;
    await this.#onCurrent(ref, [slot], signal, async (name) => {
      const key = keyOfSegment(name);
      const kept = this.#loaded.get(key);
      if (kept !== undefined) plain = openLoaded(kept, slot);
      plain ??= await firstGood(
        this.#store,
        [key, objectKeys.copy(key)],
        MAX_SEGMENT_BYTES,
        (bytes) => {
          const loaded = this.#parse(name, bytes);
          const found = loaded === null ? null : openLoaded(loaded, slot);
          if (loaded !== null && found !== null) this.#loaded.set(key, loaded);
          return found;
        },
        signal,
      );
      return plain === null ? { slots: [slot], why: `neither ${key} nor its copy holds what was written` } : null;
    });
    if (plain === null) throw new DamageError({ ref, slots: [slot], why: "not read" });
    return plain;
  }

  #parse(name: SegmentName, bytes: Uint8Array): LoadedSegment | null {
    try {
      return { table: parseTable(this.#keys, name, bytes), bytes };
    } catch (error) {
      if (isLockstepError(error, "OBJECT_CORRUPT", "FIELD_CORRUPT")) return null;
      throw error;
    }
  }

  /**
   * Runs `use` on the current generation until it reports no miss. After every miss the log is read again: another
   * generation is tried, the same one is damage.
   */
  async #onCurrent(
    ref: SegmentRef,
    slots: readonly number[],
    signal: AbortSignal,
    use: (name: SegmentName) => Promise<Miss | null>,
  ): Promise<void> {
    let missed = null as (Miss & { generation: GenerationId }) | null;
    for (;;) {
      const generation = this.#resolver.current(ref);
      if (missed?.generation === generation) throw new DamageError({ ref, slots: missed.slots, why: missed.why });
      const name = { machine: this.#machine, ...ref, generation };
      let miss: Miss | null;
      try {
        miss = await use(name);
      } catch (error) {
        if (!isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT")) throw error;
        miss = { slots, why: error.message };
      }
      if (miss === null) return;
      this.#tables.delete(keyOfSegment(name));
      missed = { generation, ...miss };
      await this.#resolver.refresh(signal);
    }
  }
}

function openLoaded({ table, bytes }: LoadedSegment, slot: number): Uint8Array | null {
  const row = table.row(slot);
  if (row === undefined || row.plainBytes === 0) return null;
  const plain = new Uint8Array(row.plainBytes);
  const stored = bytes.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
  return openSlot(table.cipher, slot, row, stored, plain) ? plain : null;
}
