/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * CRC-32C of the parts, one after the other, as RFC 3720 defines it: from all ones, inverted at the end. File systems that
 * do not invert it (ext4) store the complement.
 */
export function crc32c(...parts: readonly Uint8Array[]): number {
  return ~crc32cState(0xffffffff, ...parts) >>> 0;
}

/** What a CRC-32C that stands at `state` stands at after the parts; nothing is inverted. */
export function crc32cState(state: number, ...parts: readonly Uint8Array[]): number {
  let crc = state;
  for (const part of parts) {
    for (const byte of part) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return crc >>> 0;
}
