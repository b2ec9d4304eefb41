import { Buffer } from "node:buffer";

/**
 * What a reader would not see, or what acts on a terminal or on the order of a line: controls, formatting characters (marks
 * of direction among them), halves of surrogate pairs, private and unassigned ones, separators of lines, and all that
 * Unicode says may be ignored (UAX #44, Default_Ignorable_Code_Point). Not the joiners U+200C and U+200D, which Persian and
 * Indic words and emoji are spelt with, nor the two marks that choose between text and emoji.
 */
const unseen = /[[\p{C}\p{Zl}\p{Zp}\p{DI}]--[\p{Join_Control}\ufe0e-\ufe0f]]/gv;

/** Most texts by far, and told so in a fifth of the time. */
const plain = /^[\x20-\x7e]*$/;

/** The text with each such character replaced by what `shown` makes of it. */
export function replaceUnseen(text: string, shown: (character: string) => string): string {
  return plain.test(text) ? text : text.replace(unseen, shown);
}

/**
 * The text with each such character written as `\x1b` or `\u{202e}`, so that what a guest calls its disk, or somebody a
 * file, cannot act. It is for showing and comparing: a label that holds a backslash may look the same as one that was
 * escaped.
 */
export function visibleText(text: string): string {
  return replaceUnseen(text, (character) => escaped(character.codePointAt(0) ?? 0));
}

/** A label in UTF-8, up to its first zero byte, made visible. Bytes that are no UTF-8 are written as `\xe9`. */
export function visibleUtf8(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const label = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return visibleText(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(label));
  } catch {
    return Array.from(label, (byte) => (byte < 0x80 ? visibleText(String.fromCharCode(byte)) : escaped(byte))).join("");
  }
}

/** A name in UTF-16LE, up to its first zero unit, made visible. A byte left over at the end is dropped. */
export function visibleUtf16(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength & ~1).toString("utf16le");
  const end = text.indexOf("\0");
  return visibleText(end < 0 ? text : text.slice(0, end));
}

function escaped(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}
