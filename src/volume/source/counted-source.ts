import type { VolumeSource } from "#volume/source/source.ts";

/** A source that counts what is read of it. */
export type CountedSource = VolumeSource & { readonly readBytes: number };

export function countedSource(source: VolumeSource): CountedSource {
  let readBytes = 0;
  return {
    sizeBytes: source.sizeBytes,
    sectorBytes: source.sectorBytes,
    get readBytes() {
      return readBytes;
    },
    read: async (offsetBytes, lengthBytes, signal) => {
      readBytes += lengthBytes;
      return source.read(offsetBytes, lengthBytes, signal);
    },
  };
}
