import { equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";

/** What lies in folders of disk images and is no disk. */
export type OtherFileType = "text" | "ISO 9660" | "archive" | "database" | "program";

const magics: readonly { type: OtherFileType; at: number; magic: Uint8Array }[] = [
  { type: "ISO 9660", at: 32769, magic: utf8("CD001") },
  { type: "archive", at: 0, magic: Uint8Array.of(0x1f, 0x8b) }, // gzip
  { type: "archive", at: 0, magic: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00) }, // xz
  { type: "archive", at: 0, magic: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd) }, // zstd
  { type: "archive", at: 0, magic: Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c) }, // 7z
  { type: "archive", at: 0, magic: utf8("BZh") },
  { type: "archive", at: 0, magic: utf8("PK\x03\x04") },
  { type: "archive", at: 257, magic: utf8("ustar") },
  { type: "database", at: 0, magic: utf8("SQLite format 3\0") },
  { type: "program", at: 0, magic: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46) }, // ELF
];

/**
 * Names what a file is, if it is something known that is no disk.
 *
 * @param head  its first 36 KiB, or all of it
 * @returns     null when it may be a raw disk
 */
export function recogniseOther(head: Uint8Array): OtherFileType | null {
  for (const { type, at, magic } of magics) {
    if (equalBytes(head.subarray(at, at + magic.length), magic)) return type;
  }
  return isText(head) ? "text" : null;
}

/** UTF-8 without a NUL; the last character may be cut off. */
function isText(head: Uint8Array): boolean {
  if (head.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
