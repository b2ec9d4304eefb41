import { essivKeyBytes, isKeySize } from "#volume/cipher/key-size.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SplitKey } from "#volume/cipher/sector-decrypter.ts";
import { visibleText } from "#volume/source/visible-text.ts";

const SECTOR_SIZES: readonly number[] = [512, 1024, 2048, 4096];
const LRW_TWEAK_KEY_BYTES = 16;

/** Why there is no decryption after this spec, in words; null when there is one. */
export function flawOf(spec: SectorCipherSpec): string | null {
  const { cipher, mode, iv, keyBytes, sectorBytes, ivUnitBytes } = spec;
  if (!SECTOR_SIZES.includes(sectorBytes)) return `sectors of ${sectorBytes} bytes are not read here`;
  if (ivUnitBytes !== 512 && ivUnitBytes !== sectorBytes) {
    return `sector numbers that count ${ivUnitBytes} bytes, with sectors of ${sectorBytes}, are not read here`;
  }
  if (!isKeySize(cipher, dataKeyBytes(spec)))
    return `a key of ${keyBytes * 8} bits is not possible for ${cipher}-${mode}`;
  if (iv.kind === "essiv" && mode !== "ecb") {
    const bytes = essivKeyBytes(iv.hash);
    if (bytes === null) return `the hash ${visibleText(iv.hash.slice(0, 100))} of essiv is not known here`;
    if (!isKeySize(cipher, bytes)) return `essiv:${iv.hash.toLowerCase()} gives no key that ${cipher} can use`;
  }
  if (iv.kind === "bitlocker" && mode !== "cbc") return `BitLocker's initial vectors do not go with ${mode}`;
  if (spec.diffuser && iv.kind !== "bitlocker") return "the Elephant diffuser does not go with other initial vectors";
  return null;
}

/** Divides a volume key as the spec says: xts and Elephant in the middle, lrw before its last 16 bytes. */
export function splitKey(spec: SectorCipherSpec, key: Uint8Array): SplitKey {
  const middle = dataKeyBytes(spec);
  return { data: key.subarray(0, middle), second: key.subarray(middle) };
}

function dataKeyBytes({ mode, diffuser, keyBytes }: SectorCipherSpec): number {
  if (mode === "lrw") return keyBytes - LRW_TWEAK_KEY_BYTES;
  return mode === "xts" || diffuser ? keyBytes / 2 : keyBytes;
}
