import { readSync } from "node:fs";

import { TAG_BYTES } from "#crypto/aead.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { SegmentCipher, SlotRow } from "#vault/segments/segment.ts";
import { openSlot } from "#vault/segments/slot.ts";

/** Slots of one generation that are opened together. Plain data: it can be posted to a worker thread. */
export type SlotBatch = {
  readonly cipher: SegmentCipher;
  /** Memory that holds the ciphertexts, shared where another thread opens them; or the file to read them from. */
  readonly stored: Uint8Array | { readonly descriptor: number };
  /** Memory that the plaintexts go to; shared in that case, too. It may be the same. */
  readonly into: Uint8Array;
  /** Five numbers a slot: its own, offset and bytes in `stored`, offset and bytes in `into`. */
  readonly places: Uint32Array;
  /** 16 bytes a slot. */
  readonly tags: Uint8Array;
  /** Of all slots. */
  readonly plainBytes: number;
};

/** The slots of a batch whose bytes are not what was sealed; null when nothing is known of them. */
export type BadSlots = readonly number[] | null;

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
  stored: SlotBatch["stored"],
  into: Uint8Array,
  slots: readonly SlotPlace[],
): SlotBatch {
  const places = new Uint32Array(slots.length * FIELDS);
  const tags = new Uint8Array(slots.length * TAG_BYTES);
  let plainBytes = 0;
  for (const [index, { slot, row, storedAt, intoAt }] of slots.entries()) {
    places.set([slot, storedAt, row.storedBytes, intoAt, row.plainBytes], index * FIELDS);
    tags.set(row.tag, index * TAG_BYTES);
    plainBytes += row.plainBytes;
  }
  return { cipher, stored, into, places, tags, plainBytes };
}

/**
 * Opens a batch and gives the slots whose bytes are not what was sealed; their places may hold anything then.
 *
 * @returns null when the file did not give all bytes: nothing is known of the slots
 */
export function openSlots({ cipher, stored, into, places, tags }: SlotBatch): BadSlots {
  const bad: number[] = [];
  for (let at = 0, tagAt = 0; at < places.length; at += FIELDS, tagAt += TAG_BYTES) {
    const [slot = 0, offsetBytes = 0, storedBytes = 0, intoAt = 0, plainBytes = 0] = places.subarray(at, at + FIELDS);
    const row = { offsetBytes, storedBytes, plainBytes, tag: tags.subarray(tagAt, tagAt + TAG_BYTES) };
    const sealed =
      stored instanceof Uint8Array
        ? stored.subarray(offsetBytes, offsetBytes + storedBytes)
        : readStored(stored.descriptor, offsetBytes, storedBytes);
    if (sealed === null) return null;
    if (!isOpened(cipher, slot, row, sealed, into.subarray(intoAt, intoAt + plainBytes))) bad.push(slot);
  }
  return bad;
}

/** What this thread reads a slot to; as long as the longest one so far. */
let scratch = new Uint8Array(0);

/** A slot's stored bytes, until the next call; null when the file does not give them. */
function readStored(descriptor: number, offsetBytes: number, lengthBytes: number): Uint8Array | null {
  if (scratch.length < lengthBytes) scratch = new Uint8Array(lengthBytes);
  try {
    const got = readSync(descriptor, scratch, 0, lengthBytes, offsetBytes);
    return got === lengthBytes ? scratch.subarray(0, lengthBytes) : null;
  } catch {
    return null; // whoever asks again by `Store.read` learns why
  }
}

function isOpened(cipher: SegmentCipher, slot: number, row: SlotRow, stored: Uint8Array, into: Uint8Array): boolean {
  try {
    return openSlot(cipher, slot, row, stored, into);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}
