import { equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { ReadBytes } from "#disk/identity.ts";

/** What lies on a whole disk, such as `xfs`, and the id that it was given when it was made. */
export type FileSystemId = { readonly name: string; readonly id: Uint8Array };

type Place = {
  readonly name: string;
  readonly magicAt: number;
  readonly magic: Uint8Array;
  readonly idAt: number;
  readonly idBytes: number;
};

/** An LVM label lies in one of the first four sectors of 512 bytes; the header with the id follows it. */
const lvmPlaces = [0, 512, 1024, 1536].map((at): Place => ({
  name: "lvm",
  magicAt: at,
  magic: utf8("LABELONE"),
  idAt: at + 32,
  idBytes: 32,
}));

const places: readonly Place[] = [
  ...lvmPlaces,
  { name: "xfs", magicAt: 0, magic: utf8("XFSB"), idAt: 32, idBytes: 16 },
  { name: "btrfs", magicAt: 65536 + 64, magic: utf8("_BHRfS_M"), idAt: 65536 + 32, idBytes: 16 },
  { name: "ext", magicAt: 1024 + 56, magic: Uint8Array.of(0x53, 0xef), idAt: 1024 + 104, idBytes: 16 },
];

/**
 * The id of what fills a disk that has no partition table: LVM's of a physical volume, or a file system's UUID. The first of
 * these whose magic is there: LVM (in sector 0 to 3), XFS, Btrfs, ext2 to ext4. It stays the same until somebody gives it a
 * new one on purpose.
 *
 * Verifies no checksum: what is broken has an id like any other.
 *
 * @param sizeBytes  of the disk; nothing beyond is read
 * @returns          null where none of these is there
 * @see LVM2 lib/format_text/layout.h · XFS Algorithms & Data Structures, "Superblocks" · btrfs(5), "Superblock" ·
 *   Linux Documentation/filesystems/ext4/super.rst
 */
export async function readFileSystemId(read: ReadBytes, sizeBytes: number): Promise<FileSystemId | null> {
  for (const { name, magicAt, magic, idAt, idBytes } of places) {
    if (sizeBytes < Math.max(magicAt + magic.length, idAt + idBytes)) continue;
    const found = new Uint8Array(magic.length);
    await read(magicAt, found);
    if (!equalBytes(found, magic)) continue;
    const id = new Uint8Array(idBytes);
    await read(idAt, id);
    return { name, id };
  }
  return null;
}
