import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import { piecesSource } from "#volume/source/pieces-source.ts";
import type { VolumePiece } from "#volume/source/pieces-source.ts";
import type { VolumeSource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** The header of an encrypted volume as somebody presents it. */
export type PresentedHeader = {
  readonly size: Pick<VolumeSource, "sizeBytes" | "sectorBytes">;
  /** Ascending, not overlapping, inside the volume. */
  readonly pieces: readonly VolumePiece[];
};

/**
 * Reads a header from the bytes that were presented, and nothing else.
 *
 * Does not verify where they come from: that is the word of whoever presents them.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the pieces; VOLUME_MISSING: they are no header; and what the readers throw
 */
export async function readPresented({ size, pieces }: PresentedHeader, signal: AbortSignal): Promise<EncryptedHeader> {
  return readVolumeHeader(piecesSource(size, pieces), "what was presented", signal);
}
