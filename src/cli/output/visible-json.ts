import { replaceUnseen } from "#volume/source/visible-text.ts";

/**
 * A JSON text with what `visibleText` would make visible escaped as JSON does (RFC 8259, section 7), so that it still parses
 * to the same value. Does not verify that it is JSON.
 */
export function visibleJson(json: string): string {
  return replaceUnseen(json, (character) =>
    Array.from({ length: character.length }, (_, unit) => {
      return `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}
