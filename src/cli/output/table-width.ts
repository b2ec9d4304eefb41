/** Of the ranges that are Wide or Fullwidth in Unicode's EastAsianWidth.txt, those of letters and signs (UAX #11). */
const wide =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/u;
const emoji = /^(?:\p{Emoji_Presentation}|.\ufe0f)/u;
/** Nothing but marks that combine with what stands before them, and characters without a form. */
const widthless = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u;

/**
 * How many columns of a terminal a text takes: two for each East Asian wide character and emoji, none for marks.
 *
 * Terminals differ on new emoji and on characters of ambiguous width; those count as one.
 */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const { segment } of graphemes.segment(text)) {
    if (widthless.test(segment)) continue;
    width += wide.test(segment) || emoji.test(segment) ? 2 : 1;
  }
  return width;
}
