import type { DiskSource } from "#disk/contract.ts";
import { blockDeviceSector } from "#linux/libc.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** A disk, to look for volumes on. */
export function volumeSource(disk: DiskSource): VolumeSource {
  const { descriptors, identity } = disk;
  const isDevice = identity.kind === "block" && descriptors !== null;
  return {
    sizeBytes: disk.sizeBytes,
    sectorBytes: isDevice ? blockDeviceSector(descriptors.buffered) : null,
    read: async (offsetBytes, lengthBytes, signal) => {
      const bytes = new Uint8Array(lengthBytes);
      await disk.read(offsetBytes, bytes, signal);
      return bytes;
    },
  };
}
