import { Cursor } from "#bytes/cursor.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";

/*
 * A node of a block tree: 32 pointers, to blocks (level 1) or to nodes of the level below. docs/format/vault.md,
 * "Block trees". As bytes:
 *
 *   0  u8   level, 1 for leaves
 *   1  3    zeros
 *   4  u32  bit i: pointer i is there; the others stand for zeros
 *   8  36 bytes for each bit set, in order
 */

/** Pointers in a node. Fan-out 32: docs/format/vault.md shows what that costs. */
export const FAN_OUT = 32;
/** Bytes of a node's pointers in memory, where absent ones are 36 zero bytes. */
export const NODE_BYTES = FAN_OUT * POINTER_BYTES;

const HEAD_BYTES = 8;

/** A node's bytes as they are sealed. @param pointers 32 pointers of 36 bytes; null when all of them are zero */
export function writeNode(level: number, pointers: Uint8Array): Uint8Array | null {
  let bitmap = 0;
  let count = 0;
  for (let i = 0; i < FAN_OUT; i++) {
    if (isZeroPointer(pointers, i * POINTER_BYTES)) continue;
    bitmap |= 1 << i;
    count++;
  }
  if (count === 0) return null;
  const bytes = new Uint8Array(HEAD_BYTES + count * POINTER_BYTES);
  bytes[0] = level;
  new DataView(bytes.buffer).setUint32(4, bitmap >>> 0, true);
  let at = HEAD_BYTES;
  for (let i = 0; i < FAN_OUT; i++) {
    if ((bitmap & (1 << i)) === 0) continue;
    bytes.set(pointers.subarray(i * POINTER_BYTES, (i + 1) * POINTER_BYTES), at);
    at += POINTER_BYTES;
  }
  return bytes;
}

/**
 * The 32 pointers of a node, absent ones as zeros; a copy.
 *
 * @throws {LockstepError} FIELD_CORRUPT: not a node, or one of another level
 */
export function parseNode(bytes: Uint8Array, level: number): Uint8Array {
  const at = new Cursor(bytes, "block-tree node");
  const found = at.u8("level");
  if (found !== level) throw at.corrupt("level", `${found}, not ${level}`);
  at.skip(3, "reserved");
  const bitmap = at.u32("bitmap");
  const pointers = new Uint8Array(NODE_BYTES);
  for (let i = 0; i < FAN_OUT; i++) {
    if ((bitmap & (1 << i)) !== 0) pointers.set(at.bytes(POINTER_BYTES, `pointer ${i}`), i * POINTER_BYTES);
  }
  at.end();
  return pointers;
}

/** Levels of the tree over `blocks` blocks: 1 for up to 32, 2 for up to 1024, and so on. */
export function levelsFor(blocks: number): number {
  let levels = 1;
  for (let reach = FAN_OUT; reach < blocks; reach *= FAN_OUT) levels++;
  return levels;
}

/** Blocks below one pointer of a node of `level`. */
export function blocksBelow(level: number): number {
  return FAN_OUT ** (level - 1);
}
