import type { Piece } from "#testing/disks/sparse-source.ts";
import { DATA_AT, Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import type { MadeLuks2Keyslot } from "#testing/volumes/luks2-maker.ts";

/** A LUKS2 volume with a header, and pieces of a file system encrypted in it. */
export function luks2With(
  seed: string,
  keyslots: readonly MadeLuks2Keyslot[],
  pieces: readonly Piece[],
  sizeBytes: number,
): Luks2Maker {
  const maker = Luks2Maker.make(seed, keyslots, sizeBytes);
  const plain = new Uint8Array(sizeBytes);
  for (const { offsetBytes, bytes } of pieces) plain.set(bytes, offsetBytes);
  maker.putData(plain);
  maker.written();
  return maker;
}

/** Where a byte of the content lies in the volume. */
export function contentAt(offsetBytes: number): number {
  return DATA_AT + offsetBytes;
}
