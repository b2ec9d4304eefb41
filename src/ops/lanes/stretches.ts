import type { ByteRange } from "#disk/contract.ts";

/** Blocks that are treated together. */
export type BlockRun = { readonly first: number; readonly count: number };

/** A run of blocks to be read, or of blocks that are zeros for certain. */
export type DiskPart = BlockRun & { readonly kind: "data" | "hole" };

/** Bytes of a disk that a lane takes at once. */
const STRETCH_BYTES = 16 * 1024 * 1024;

/**
 * Cuts a disk into parts: data in runs of `STRETCH_BYTES` at the most, and the holes between, in order and without gaps.
 *
 * @param ranges  what may hold data, ascending, not touching; widened to whole blocks
 */
export async function* partsOf(
  ranges: AsyncIterable<ByteRange> | Iterable<ByteRange>,
  disk: { readonly sizeBytes: number; readonly blockBytes: number },
): AsyncGenerator<DiskPart> {
  const blocks = Math.ceil(disk.sizeBytes / disk.blockBytes);
  let next = 0;
  for await (const { offsetBytes, lengthBytes } of ranges) {
    const first = Math.max(next, Math.floor(offsetBytes / disk.blockBytes));
    const end = Math.min(blocks, Math.ceil((offsetBytes + lengthBytes) / disk.blockBytes));
    if (first >= end) continue;
    if (first > next) yield { kind: "hole", first: next, count: first - next };
    yield* cut({ first, count: end - first }, disk.blockBytes);
    next = end;
  }
  if (next < blocks) yield { kind: "hole", first: next, count: blocks - next };
}

/** Runs of data in pieces of `STRETCH_BYTES` at the most. */
export function* cut({ first, count }: BlockRun, blockBytes: number): Generator<DiskPart> {
  const most = Math.max(1, Math.floor(STRETCH_BYTES / blockBytes));
  for (let at = 0; at < count; at += most) yield { kind: "data", first: first + at, count: Math.min(most, count - at) };
}
