import { LockstepError } from "#errors/errors.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** Bytes of a volume, and where in it they lie. */
export type VolumePiece = { readonly offsetBytes: number; readonly bytes: Uint8Array };

/**
 * A source of which only some pieces are there, such as a header that somebody presents; what lies between them reads as zeros.
 *
 * @param size    of the whole volume
 * @param pieces  ascending, not overlapping, inside the volume; kept as views
 * @throws {LockstepError} ARGUMENT_INVALID: they are not
 */
export function piecesSource(
  { sizeBytes, sectorBytes }: Pick<VolumeSource, "sizeBytes" | "sectorBytes">,
  pieces: readonly VolumePiece[],
): VolumeSource {
  let end = 0;
  for (const { offsetBytes, bytes } of pieces) {
    if (offsetBytes < end || offsetBytes + bytes.length > sizeBytes) {
      const found = `${bytes.length} bytes at ${offsetBytes} of a volume of ${sizeBytes} bytes, behind one that ends at ${end}`;
      throw new LockstepError("ARGUMENT_INVALID", `pieces of a volume: ${found}`);
    }
    end = offsetBytes + bytes.length;
  }
  return {
    sizeBytes,
    sectorBytes,
    read: async (offsetBytes, lengthBytes) => {
      if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
        const found = `reading ${lengthBytes} bytes at ${offsetBytes}: the volume has ${sizeBytes} bytes`;
        throw new LockstepError("ARGUMENT_INVALID", found);
      }
      const into = new Uint8Array(lengthBytes);
      for (const piece of pieces) {
        const from = Math.max(offsetBytes, piece.offsetBytes);
        const to = Math.min(offsetBytes + lengthBytes, piece.offsetBytes + piece.bytes.length);
        if (from >= to) continue;
        into.set(piece.bytes.subarray(from - piece.offsetBytes, to - piece.offsetBytes), from - offsetBytes);
      }
      return into;
    },
  };
}
