import { TAG_BYTES } from "#crypto/aead.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { SegmentCipher, SlotRow } from "#vault/segment.ts";
import { openSlot } from "#vault/slot.ts";

/** Slots of one generation that are to be opened together. Plain data: it can be posted to a worker thread. */
export type SlotBatch = {
  readonly cipher: SegmentCipher;
  /** Memory that holds the ciphertexts; shared, where another thread opens them. */
  readonly stored: Uint8Array;
  /** Memory that the plaintexts go to; shared in that case, too. It may be the same. */
  readonly into: Uint8Array;
  /** Five numbers a slot: its own, offset and bytes in `stored`, offset and bytes in `into`. */
  readonly places: Uint32Array;
  /** 16 bytes a slot. */
  readonly tags: Uint8Array;
};

const FIELDS = 5;

/** One slot of a batch. */
export type SlotPlace = {
  readonly slot: number;
  readonly row: SlotRow;
  readonly storedAt: number;
  readonly intoAt: number;
};

/** Packs a batch. */
export function slotBatch(
  cipher: SegmentCipher,
  stored: Uint8Array,
  into: Uint8Array,
  slots: readonly SlotPlace[],
): SlotBatch {
  const places = new Uint32Array(slots.length * FIELDS);
  const tags = new Uint8Array(slots.length * TAG_BYTES);
  for (const [index, { slot, row, storedAt, intoAt }] of slots.entries()) {
    places.set([slot, storedAt, row.storedBytes, intoAt, row.plainBytes], index * FIELDS);
    tags.set(row.tag, index * TAG_BYTES);
  }
  return { cipher, stored, into, places, tags };
}

/** Opens a batch and gives the slots whose bytes are not what was sealed; their places may hold anything then. */
export function openSlots({ cipher, stored, into, places, tags }: SlotBatch): readonly number[] {
  const bad: number[] = [];
  for (let at = 0, tagAt = 0; at < places.length; at += FIELDS, tagAt += TAG_BYTES) {
    const [slot = 0, offsetBytes = 0, storedBytes = 0, intoAt = 0, plainBytes = 0] = places.subarray(at, at + FIELDS);
    const row = { offsetBytes, storedBytes, plainBytes, tag: tags.subarray(tagAt, tagAt + TAG_BYTES) };
    const sealed = stored.subarray(offsetBytes, offsetBytes + storedBytes);
    if (!isOpened(cipher, slot, row, sealed, into.subarray(intoAt, intoAt + plainBytes))) bad.push(slot);
  }
  return bad;
}

function isOpened(cipher: SegmentCipher, slot: number, row: SlotRow, stored: Uint8Array, into: Uint8Array): boolean {
  try {
    return openSlot(cipher, slot, row, stored, into);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}
