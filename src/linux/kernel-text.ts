import { readFile } from "node:fs/promises";

/** An attribute under /sys or /proc, without the white space around it; null when it cannot be read or is empty. */
export async function readAttribute(path: string): Promise<string | null> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return text === "" ? null : text;
  } catch {
    return null; // what a device does not have is not there, or answers with an error of its driver's choice
  }
}

/** A path as /proc prints it, where blanks and backslashes are three octal digits (fs/seq_file.c, mangle_path). */
export function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
