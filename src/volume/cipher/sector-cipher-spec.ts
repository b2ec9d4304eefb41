/** Block ciphers of dm-crypt and BitLocker that are read here. */
export type BlockCipher = "aes" | "camellia" | "serpent" | "twofish" | "aria" | "sm4";

/** How sectors are chained. */
export type CipherMode = "xts" | "cbc" | "lrw" | "ecb";

/**
 * How a sector's number becomes its initial vector (dm-crypt's names; BitLocker's CBC encrypts the byte offset).
 * `hash` is set for essiv only.
 */
export type IvMode =
  | { readonly kind: "plain" | "plain64" | "plain64be" | "benbi" | "null" | "bitlocker" }
  | { readonly kind: "essiv"; readonly hash: string };

/** Everything but the key that decides how a sector decrypts. */
export type SectorCipherSpec = {
  readonly cipher: BlockCipher;
  readonly mode: CipherMode;
  readonly iv: IvMode;
  /** Bytes of the volume key: for xts both halves, for lrw the tweak key too, for Elephant both keys. */
  readonly keyBytes: number;
  /** 512, 1024, 2048 or 4096. */
  readonly sectorBytes: number;
  /** Bytes that one step of the sector number stands for: 512 for dm-crypt whatever the sector size, else the sector size. */
  readonly ivUnitBytes: number;
  /** BitLocker's Elephant diffuser, on top of CBC. */
  readonly diffuser: boolean;
};

/** A cipher with its key. */
export interface SectorCipher extends Disposable {
  readonly spec: SectorCipherSpec;
  /**
   * Decrypts whole sectors in place.
   *
   * @param sectors      a multiple of the sector size
   * @param ivBase       the first sector's number, in units of `ivUnitBytes`
   */
  decrypt(sectors: Uint8Array, ivBase: bigint): void;
  /** Wipes the key. */
  [Symbol.dispose](): void;
}
