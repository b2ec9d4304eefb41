import { LockstepError } from "#errors/errors.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

/**
 * Stretches of a source, one after the other, as a source of their own: a logical volume in a physical one.
 *
 * @param stretches  inside the source
 */
export function stretchedSource(source: VolumeSource, stretches: readonly Place[]): VolumeSource {
  const sizeBytes = stretches.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return {
    sizeBytes,
    sectorBytes: source.sectorBytes,
    read: async (offsetBytes, lengthBytes, signal) => {
      if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
        throw new LockstepError(
          "ARGUMENT_INVALID",
          `reading ${lengthBytes} bytes at ${offsetBytes}: the volume has ${sizeBytes} bytes`,
        );
      }
      const bytes = new Uint8Array(lengthBytes);
      let start = 0; // of the stretch, in this volume
      for (const stretch of stretches) {
        const from = Math.max(offsetBytes, start);
        const to = Math.min(offsetBytes + lengthBytes, start + stretch.lengthBytes);
        if (from < to) {
          bytes.set(await source.read(stretch.offsetBytes + from - start, to - from, signal), from - offsetBytes);
        }
        start += stretch.lengthBytes;
      }
      return bytes;
    },
  };
}
