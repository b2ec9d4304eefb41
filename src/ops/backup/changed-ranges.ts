import type { Random } from "#crypto/derive.ts";
import type { ByteRange, DiskSource } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { BlockSample } from "#ops/check/sample.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import { FLAG_UNREADABLE, flagsAt, isZeroPointer, rootFromText } from "#vault/segments/pointer.ts";
import { BlockComparer } from "#vault/tree/block-comparer.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** Blocks outside of the ranges that are read. */
const SAMPLES = 32;

/**
 * Reads a few random blocks that a list of changes calls unchanged, and compares them with the point it starts from.
 * A sample: a list that misses little is likely to pass, which is why a scan is due now and then.
 *
 * Blocks that cannot be read, or could not be when the point was taken, prove nothing and are passed over.
 *
 * @param ranges  in order, not touching
 * @throws {LockstepError} RANGES_UNTRUE: a block differs; and what reading the disk and the store throws
 */
export async function spotCheckRanges(
  { vault, log, source }: { readonly vault: Vault; readonly log: Log; readonly source: DiskSource },
  base: { readonly point: PointId; readonly disk: PointDisk; readonly blockBytes: number },
  ranges: readonly ByteRange[],
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const { blockBytes, disk } = base;
  const { keys } = vault.keyring;
  const comparer = new BlockComparer(fingerprintKey(keys, disk.disk));
  const nodes = new NodeReader(segmentReader(vault, log, base.point), keys, disk.disk);
  const tree = { root: rootFromText(disk.root), blocks: Math.ceil(disk.sizeBytes / blockBytes) };
  const cursor = new PointerCursor(nodes, tree);
  for (const block of unchangedSample(source.sizeBytes, blockBytes, ranges, random)) {
    const offsetBytes = block * blockBytes;
    const content = new Uint8Array(Math.min(blockBytes, source.sizeBytes - offsetBytes));
    const lost = await source.readAround(offsetBytes, content, signal);
    const { pointers, damaged } = await cursor.read(block, 1, signal);
    const wasUnreadable = !isZeroPointer(pointers, 0) && (flagsAt(pointers, 0) & FLAG_UNREADABLE) !== 0;
    if (lost.length > 0 || damaged || wasUnreadable) continue;
    comparer.put(content, block, pointers, 0);
    if (comparer.take().length > 0) throw untrue(source.path, offsetBytes, content.length);
  }
}

function unchangedSample(
  sizeBytes: number,
  blockBytes: number,
  ranges: readonly ByteRange[],
  random: Random,
): readonly number[] {
  const sample = new BlockSample(SAMPLES, random);
  let next = 0;
  for (const { offsetBytes, lengthBytes } of ranges) {
    sample.show({ first: next, count: Math.floor(offsetBytes / blockBytes) - next });
    next = Math.max(next, Math.ceil((offsetBytes + lengthBytes) / blockBytes));
  }
  sample.show({ first: next, count: Math.ceil(sizeBytes / blockBytes) - next });
  return sample.blocks;
}

function untrue(path: string, offsetBytes: number, lengthBytes: number): LockstepError {
  return new LockstepError(
    "RANGES_UNTRUE",
    `backing up ${path} by a list of changes: bytes ${offsetBytes} to ${offsetBytes + lengthBytes - 1} are not in it, and changed`,
    { hint: "Back up without --changed-ranges, and find out why the list misses writes." },
  );
}
