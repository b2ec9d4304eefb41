import { isZero } from "#bytes/arrays.ts";
import type { Random } from "#crypto/derive.ts";
import type { DiskSource } from "#disk/contract.ts";
import { BlockSample } from "#ops/check/sample.ts";

/** Blocks in holes that are read. */
const SAMPLES = 16;

export type HoleCheck = {
  /** Bytes that the source does not call holes. */
  readonly dataBytes: number;
  /** Where a block lies that is in a hole and not zeros; null when there is none in the sample. */
  readonly untrueAtBytes: number | null;
};

/**
 * Reads a few random blocks in the holes that a disk reports. A file system that calls data a hole would lose it: OpenZFS
 * did, and its users found out much later.
 *
 * A block that the medium refuses to read proves nothing and is passed over.
 *
 * @throws {LockstepError} what reading the disk throws
 */
export async function spotCheckHoles(
  source: DiskSource,
  blockBytes: number,
  random: Random,
  signal: AbortSignal,
): Promise<HoleCheck> {
  const sample = new BlockSample(SAMPLES, random);
  const blocks = Math.ceil(source.sizeBytes / blockBytes);
  let dataBytes = 0;
  let next = 0;
  for await (const { offsetBytes, lengthBytes } of source.dataRanges(signal)) {
    sample.show({ first: next, count: Math.floor(offsetBytes / blockBytes) - next });
    dataBytes += lengthBytes;
    next = Math.ceil((offsetBytes + lengthBytes) / blockBytes);
  }
  sample.show({ first: next, count: blocks - next });
  for (const block of sample.blocks) {
    const offsetBytes = block * blockBytes;
    const content = new Uint8Array(Math.min(blockBytes, source.sizeBytes - offsetBytes));
    const lost = await source.readAround(offsetBytes, content, signal);
    if (lost.length === 0 && !isZero(content)) return { dataBytes, untrueAtBytes: offsetBytes };
  }
  return { dataBytes, untrueAtBytes: null };
}

/** The same disk, without believing it about holes. Disposing of it disposes of the other. */
export function withoutHoles(source: DiskSource): DiskSource {
  const { path, identity, sizeBytes, descriptors } = source;
  return {
    path,
    identity,
    sizeBytes,
    descriptors,
    async *dataRanges() {
      yield await Promise.resolve({ offsetBytes: 0, lengthBytes: sizeBytes });
    },
    read: (offsetBytes, into, signal) => source.read(offsetBytes, into, signal),
    readAround: (offsetBytes, into, signal) => source.readAround(offsetBytes, into, signal),
    writtenSince: (signal) => source.writtenSince(signal),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}
