import { LockstepError } from "#errors/errors.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import { readLuks1 } from "#volume/luks1/header.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * Reads the header of an encrypted volume, of whatever format.
 *
 * @param shown  the source's name, for messages
 * @throws {LockstepError} VOLUME_MISSING: there is none; and what the readers throw
 */
export async function readVolumeHeader(
  source: VolumeSource,
  shown: string,
  signal: AbortSignal,
): Promise<EncryptedHeader> {
  for (const read of [readLuks1, readLuks2, readBitlocker]) {
    const header = await read(source, signal);
    if (header !== null) return header;
  }
  throw new LockstepError("VOLUME_MISSING", `${shown} is no header of an encrypted volume`);
}
