import { fromBase64 } from "#bytes/text.ts";

/** Bytes of base64 in a header, in which cryptsetup passes over white space; null when it is anything else. */
export function headerBase64(text: string): Uint8Array | null {
  return fromBase64(text.replace(/[ \t\r\n]/g, ""));
}
