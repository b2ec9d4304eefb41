/**
 * Characters that act on a terminal or reorder a line instead of being seen: controls, line and paragraph separators,
 * marks of direction (Unicode UAX #9, "Explicit Directional Embedding" to "Isolates"), zero-width characters, tags, and
 * halves of surrogate pairs. Zero-width joiners stay: they build letters and emoji.
 */
const unseen =
  /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu;

/** Nearly every text, and fast to tell. */
const plain = /^[\x20-\x7e]*$/;

/** The text with each such character shown as `\x1b` or `\u{202e}`, so that what a guest or file calls itself cannot act. */
export function visible(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same for a JSON text: escaped as JSON does, so that it still parses to the same value. */
export function visibleJson(json: string): string {
  return json.replace(unseen, (character) =>
    Array.from({ length: character.length }, (_, unit) => {
      return `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}
