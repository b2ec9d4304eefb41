import { isLockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { parseObjectKey } from "#vault/segments/known-objects.ts";
import { parseTable } from "#vault/segments/segment-table.ts";
import { MAX_SLOT_BYTES, openSlot } from "#vault/segments/slot.ts";

/** True for the key of a segment of tree nodes, or of its second copy. */
export function isNodeSegment(key: ObjectKey): boolean {
  const known = parseObjectKey(key);
  return known?.what === "segment" && known.kind === "nodes";
}

/** Whether an object is a segment as it was written: its table and all of its slots open. */
export function isSoundSegment(keys: VaultKeys, key: ObjectKey, bytes: Uint8Array): boolean {
  const name = parseObjectKey(key);
  if (name?.what !== "segment") return false;
  try {
    const table = parseTable(keys, name, bytes);
    return [...table.rows()].every((row, slot) => {
      if (row.plainBytes > MAX_SLOT_BYTES) return false;
      const stored = bytes.subarray(row.offsetBytes, row.offsetBytes + row.storedBytes);
      return row.plainBytes === 0 || openSlot(table.cipher, slot, row, stored, new Uint8Array(row.plainBytes));
    });
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT", "FIELD_CORRUPT", "VAULT_NEWER")) return false;
    throw error;
  }
}
