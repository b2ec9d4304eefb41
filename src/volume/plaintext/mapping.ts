import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";

/**
 * What one stretch of a plaintext volume is made from. Sector numbers for initial vectors are counted in bytes here, so
 * that all formats fit: sector n of a stretch has the number (`ivOffsetBytes` + n × sector size) / `ivUnitBytes`.
 */
export type MappedContent =
  | { readonly kind: "zeros" }
  /** Stored as it is. */
  | { readonly kind: "plain"; readonly sourceOffsetBytes: number }
  /** Known from the header, as long as the stretch: what is stored there is changed before anybody sees it. */
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  | {
      readonly kind: "encrypted";
      readonly sourceOffsetBytes: number;
      readonly ivOffsetBytes: bigint;
      /** Which of the mapping's ciphers. */
      readonly cipher: number;
    };

/** A stretch of the plaintext volume; both numbers are multiples of the sector size. */
export type MappedStretch = {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly content: MappedContent;
};

/** How a plaintext volume is made from its source: stretches in order, without gaps, from 0 to its size. */
export type Mapping = {
  readonly sizeBytes: number;
  readonly ciphers: readonly SectorCipherSpec[];
  readonly stretches: readonly MappedStretch[];
};
