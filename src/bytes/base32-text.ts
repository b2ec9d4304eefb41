/**
 * Crockford's base32: digits and letters without i, l, o and u. Lower case, so that no key is held down at a console.
 *
 * @see https://www.crockford.com/base32.html
 */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Symbols of a group that carry 5 bits each; a check symbol follows them. */
const DATA_SYMBOLS = 4;
/** Symbols of a group. */
export const GROUP_SYMBOLS = DATA_SYMBOLS + 1;

/** How many groups `lengthBytes` bytes take. */
export function groupCount(lengthBytes: number): number {
  return Math.ceil((lengthBytes * 8) / (DATA_SYMBOLS * 5));
}

/**
 * Bytes as text for people: groups of 5 symbols, most significant bits first, unused bits at the end zero. The fifth symbol
 * checks its group and the group's place.
 *
 * @see docs/format/kit.md, "Text for people"
 */
export function base32Groups(bytes: Uint8Array): readonly string[] {
  const symbols = symbolsOf(bytes);
  return Array.from({ length: groupCount(bytes.length) }, (_, group) => {
    const data = symbols.slice(group * DATA_SYMBOLS, (group + 1) * DATA_SYMBOLS);
    return [...data, checkSymbol(group, data)].map((symbol) => alphabet.charAt(symbol)).join("");
  });
}

/**
 * Which groups are mistyped: each wrong symbol, each two symbols that changed places and each group that did is found in the
 * group where it is (groups are told apart by their place among 32); of more mistakes than one in a group, all but 1 in 32.
 *
 * @param groups       of 5 symbols each, in either case; `i` and `l` are read as `1`, and `o` as `0`
 * @param lengthBytes  how many bytes they must give
 * @returns            numbers of groups, from 1
 */
export function mistypedGroups(groups: readonly string[], lengthBytes: number): readonly number[] {
  const unusedBits = groupCount(lengthBytes) * DATA_SYMBOLS * 5 - lengthBytes * 8;
  const unused = (1 << unusedBits) - 1;
  return groups.flatMap((text, index) => {
    const symbols = groupSymbols(text);
    const data = symbols.slice(0, DATA_SYMBOLS);
    const isSound = !symbols.includes(-1) && checkSymbol(index, data) === symbols[DATA_SYMBOLS];
    const tail = data.reduce((bits, symbol) => bits * 32 + symbol, 0) & unused;
    return isSound && (index < groups.length - 1 || tail === 0) ? [] : [index + 1];
  });
}

/** The bytes of groups, none of which is mistyped. */
export function base32Bytes(groups: readonly string[], lengthBytes: number): Uint8Array {
  const symbols = groups.flatMap((text) => groupSymbols(text).slice(0, DATA_SYMBOLS));
  const bits = symbols.map((symbol) => symbol.toString(2).padStart(5, "0")).join("");
  return Uint8Array.from({ length: lengthBytes }, (_, at) => Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2));
}

/** The symbols of a group as numbers; -1 for one that is none. */
function groupSymbols(group: string): number[] {
  const plain = group.toLowerCase().replaceAll(/[il]/g, "1").replaceAll("o", "0");
  return Array.from(plain, (letter) => alphabet.indexOf(letter));
}

function symbolsOf(bytes: Uint8Array): number[] {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const padded = bits.padEnd(groupCount(bytes.length) * DATA_SYMBOLS * 5, "0");
  return (padded.match(/.{5}/g) ?? []).map((symbol) => Number.parseInt(symbol, 2));
}

/**
 * The group's number plus a weighted sum of its symbols, in the field of 32 elements. Each symbol has another weight, the
 * check symbol has 1: so a wrong symbol changes the sum, and so do two symbols that change places.
 */
function checkSymbol(group: number, data: readonly number[]): number {
  return data.reduce((sum, symbol, at) => sum ^ multiply(symbol, at + 2), group % 32);
}

/** The product in GF(2^5), modulo x^5 + x^2 + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, shifted = a; bit < 5; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = shifted & 0b1_0000 ? (shifted << 1) ^ 0b10_0101 : shifted << 1;
  }
  return product;
}
