import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";

import { concat } from "#bytes/arrays.ts";

/**
 * Reads a file of UTF-8 text. Pipes work too, such as a shell's `<(command)`.
 *
 * @param limitBytes  a longer one is refused before it fills the memory
 * @throws a system error; an Error that says what is wrong with the file; the abort of `signal`
 */
export async function readTextFile(path: string, limitBytes: number, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > limitBytes) throw new Error(`it is longer than ${limitBytes} bytes`);
    pieces.push(piece);
  }
  const bytes = concat(...pieces);
  if (!isUtf8(bytes)) throw new Error("it is not UTF-8 text");
  return new TextDecoder().decode(bytes);
}
