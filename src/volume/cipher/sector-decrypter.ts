/** A volume key in its parts; views of it. */
export type SplitKey = {
  /** Encrypts the data. */
  readonly data: Uint8Array;
  /** The tweak key of XTS, LRW and Elephant; empty for the others. */
  readonly second: Uint8Array;
};

/** A mode of operation with its keys. */
export interface SectorDecrypter extends Disposable {
  /**
   * Decrypts whole sectors in place.
   *
   * @param sectors  few enough that the buffers beside it stay in the processor's cache
   * @param first    the first sector's number, in the spec's `ivUnitBytes`
   */
  decrypt(sectors: Uint8Array, first: bigint): void;
}
