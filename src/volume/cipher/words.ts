// 32-bit words of bytes, little-endian: so are all machines that Node has releases for, but s390x, where the tests would fail.

/**
 * The 32-bit words of bytes.
 *
 * @param bytes  a multiple of 4 bytes
 * @returns      a view; a copy where the bytes do not start on a word of their buffer
 */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** The bytes of words, as a view. */
export function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * Writes `a` mixed with `b` (exclusive or) into `into`; all are of one length, a multiple of four words.
 *
 * The loop takes four words a turn, and is fastest into a third array.
 */
export function xorWords(into: Int32Array, a: Int32Array, b: Int32Array): void {
  for (let at = 0; at < into.length; at += 4) {
    into[at] = a[at]! ^ b[at]!;
    into[at + 1] = a[at + 1]! ^ b[at + 1]!;
    into[at + 2] = a[at + 2]! ^ b[at + 2]!;
    into[at + 3] = a[at + 3]! ^ b[at + 3]!;
  }
}

/** Turns a 32-bit word left by 1 to 31 bits. */
export function turnLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Turns a 32-bit word right by 1 to 31 bits. */
export function turnRight(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** A word with its bytes in the other order. */
export function swapBytes(word: number): number {
  return (turnLeft(word, 8) & 0x00ff00ff) | (turnRight(word, 8) & 0xff00ff00);
}
