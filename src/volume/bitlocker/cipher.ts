import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";

/** How a volume's sectors are encrypted. */
export type BitlockerCipher = {
  /** As dm-crypt writes it. */
  readonly name: string;
  /** Of the key that the sectors are encrypted with. */
  readonly keyBytes: number;
  /** Bytes that are sealed: Elephant with 128 bits leaves half of each key empty. */
  readonly sealedBytes: number;
  readonly mode: "cbc" | "xts";
  readonly diffuser: boolean;
};

const cbc = (keyBytes: number): BitlockerCipher => {
  return { name: "aes-cbc-eboiv", keyBytes, sealedBytes: keyBytes, mode: "cbc", diffuser: false };
};
const elephant = (keyBytes: number): BitlockerCipher => {
  return { name: "aes-cbc-elephant", keyBytes, sealedBytes: 64, mode: "cbc", diffuser: true };
};
const xts = (keyBytes: number): BitlockerCipher => {
  return { name: "aes-xts-plain64", keyBytes, sealedBytes: keyBytes, mode: "xts", diffuser: false };
};

/** By the lower half of the metadata's method (libbde, "BDE format", section "Encryption methods"). */
const ciphers: Readonly<Record<number, BitlockerCipher>> = {
  0x8000: elephant(32),
  0x8001: elephant(64),
  0x8002: cbc(16),
  0x8003: cbc(32),
  0x8004: xts(32),
  0x8005: xts(64),
};

/** The cipher of a method; null when it is not known. */
export function cipherOf(method: number): BitlockerCipher | null {
  return ciphers[method & 0xffff] ?? null;
}

/** The same for sectors of a size: XTS counts them, CBC encrypts their byte offset. */
export function specOf(cipher: BitlockerCipher, sectorBytes: number): SectorCipherSpec {
  return {
    cipher: "aes",
    mode: cipher.mode,
    iv: { kind: cipher.mode === "xts" ? "plain64" : "bitlocker" },
    keyBytes: cipher.keyBytes,
    sectorBytes,
    ivUnitBytes: sectorBytes,
    diffuser: cipher.diffuser,
  };
}

/**
 * The volume key out of the sealed one: for Elephant with 128 bits, the first 16 bytes of each half.
 *
 * @returns a copy; null when its length is not the cipher's
 */
export function volumeKeyOf(cipher: BitlockerCipher, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length !== cipher.sealedBytes) return null;
  if (cipher.keyBytes === cipher.sealedBytes) return Uint8Array.from(sealed);
  const half = cipher.keyBytes / 2;
  const key = new Uint8Array(cipher.keyBytes);
  key.set(sealed.subarray(0, half), 0);
  key.set(sealed.subarray(cipher.sealedBytes / 2, cipher.sealedBytes / 2 + half), half);
  return key;
}
