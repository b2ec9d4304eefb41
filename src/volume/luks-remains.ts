import { isLockstepError } from "#errors/errors.ts";
import { readLuks1 } from "#volume/luks1/header.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** Of LUKS, and of a second header of LUKS2, which is as long. */
const MAGIC_BYTES = 6;

/**
 * A disk as it would be without the magic of LUKS at its start, with which no table is looked for. Tools that divide a disk
 * write a table from byte 440 on and leave what is in front of it: of a LUKS header its magic, and a checksum or keyslots that
 * are wrong.
 *
 * @param source  which starts with the magic of LUKS
 * @returns       null where the header is good all the same, or of a later version
 * @throws {LockstepError} what the source throws
 */
export async function withoutLuksRemains(source: VolumeSource, signal: AbortSignal): Promise<VolumeSource | null> {
  try {
    for (const read of [readLuks1, readLuks2]) if ((await read(source, signal)) !== null) return null;
  } catch (error) {
    if (isLockstepError(error, "VOLUME_UNSUPPORTED")) return null;
    if (!isLockstepError(error, "HEADER_CORRUPT")) throw error;
  }
  return {
    ...source,
    read: async (offsetBytes, lengthBytes, readSignal) => {
      const bytes = await source.read(offsetBytes, lengthBytes, readSignal);
      if (offsetBytes < MAGIC_BYTES) bytes.fill(0, 0, MAGIC_BYTES - offsetBytes);
      return bytes;
    },
  };
}
