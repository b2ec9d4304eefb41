import { isZero } from "#bytes/arrays.ts";
import { LockstepError } from "#errors/errors.ts";
import type { SectorCipher } from "#volume/cipher/sector-cipher-spec.ts";
import type { MappedContent } from "#volume/plaintext/mapping.ts";

/** Where sectors of a volume come from: a stretch that is stored encrypted, and how far into it. */
export type SectorPlace = {
  readonly content: MappedContent & { readonly kind: "encrypted" };
  /** From the stretch's start to the first of the sectors; whole sectors of the cipher. */
  readonly offsetBytes: number;
};

/** How a sector reads that is all zeros as it is stored, which no cipher makes: it was never written, or was discarded. */
export type BlankSectors = "decrypted" | "zeros";

/**
 * Decrypts sectors of a volume in place, whoever read them.
 *
 * Does not verify that the key is the volume's, which nothing in a sector tells: `unlock` did.
 *
 * @param sectors       as they are stored; a multiple of the cipher's sector size
 * @param cipher        the one that the stretch names, opened with its volume key: see `openSectorCipher`
 * @param blankSectors  "decrypted", as every driver does it: to what looks random
 * @throws {LockstepError} ARGUMENT_INVALID: these are not whole sectors, or the cipher was disposed of
 */
export function decryptSectors(
  sectors: Uint8Array,
  { content, offsetBytes }: SectorPlace,
  cipher: SectorCipher,
  blankSectors: BlankSectors = "decrypted",
): void {
  const { sectorBytes, ivUnitBytes } = cipher.spec;
  if (offsetBytes % sectorBytes !== 0) {
    throw new LockstepError("ARGUMENT_INVALID", `sectors: ${offsetBytes} is within a sector of ${sectorBytes} bytes`);
  }
  const blanks = blankSectors === "zeros" ? blanksAmong(sectors, sectorBytes) : [];
  cipher.decrypt(sectors, (content.ivOffsetBytes + BigInt(offsetBytes)) / BigInt(ivUnitBytes));
  for (const blank of blanks) sectors.fill(0, blank, blank + sectorBytes);
}

/** Where the sectors that are all zeros begin. */
function blanksAmong(sectors: Uint8Array, sectorBytes: number): readonly number[] {
  const found: number[] = [];
  for (let start = 0; start < sectors.length; start += sectorBytes) {
    if (isZero(sectors.subarray(start, start + sectorBytes))) found.push(start);
  }
  return found;
}
