import { concat, equalBytes } from "#bytes/arrays.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { DiskIdentity } from "#disk/contract.ts";
import { readFileSystemId } from "#disk/file-system-id.ts";

/** Fills `into` from `offsetBytes` on. */
export type ReadBytes = (offsetBytes: number, into: Uint8Array) => Promise<void>;

const MAX_ENTRY_BYTES = 1024 * 1024;
const LUKS_MAGIC = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe); // "LUKS\xba\xbe"
const GPT_MAGIC = utf8("EFI PART");

/**
 * Hashes what tells one disk's layout from another's and stays the same while the disk is in use.
 *
 * SHA-256 over a NUL-terminated name of the kind, then bytes of the disk:
 *
 * | first that fits | name | bytes |
 * |---|---|---|
 * | LUKS magic at byte 0 | `lockstep layout luks` | the UUID, bytes 168-207 (the rest changes with every key) |
 * | `EFI PART` at 512 or 4096, for each of the two that is there, in this order | `lockstep layout gpt` | 440-511 (disk signature and MBR table); then of each: its sector size as u32 LE, the header's sector, the entries as the header places them, at most 1 MiB and as far as the disk goes |
 * | 0x55 0xAA at 510 | `lockstep layout mbr` | 440-511; boot code before is left out |
 * | what `readFileSystemId` finds | `lockstep layout ` and its name, such as `xfs` | its id |
 *
 * A boot sector of FAT, exFAT, NTFS or BitLocker also ends in 0x55 0xAA. What it has at 440-511 stays the same too, and is
 * the same on many disks: those are not told from each other. Nothing is verified: a table that is broken has a hash like
 * any other.
 *
 * @param sizeBytes  of the disk; nothing beyond is read
 * @returns          lower-case hex; null where none of these is there, or the disk is shorter than 512 bytes
 * @see UEFI 2.10, 5.3.2 and 5.3.3 · LUKS1 on-disk format 1.2.3, figure 1 · LUKS2 on-disk format 1.1.1, 2.1
 */
export async function readLayoutHash(read: ReadBytes, sizeBytes: number): Promise<string | null> {
  if (sizeBytes < 512) return null;
  const first = await bytesAt(read, 0, 512);
  if (equalBytes(first.subarray(0, LUKS_MAGIC.length), LUKS_MAGIC)) {
    return hex(sha256(utf8("lockstep layout luks\0"), first.subarray(168, 208)));
  }
  const table = first.subarray(440, 512);
  const gpts: Uint8Array[] = [];
  for (const sectorBytes of [512, 4096]) {
    const gpt = await readGpt(read, sectorBytes, sizeBytes);
    if (gpt !== null) gpts.push(gpt);
  }
  if (gpts.length > 0) return hex(sha256(utf8("lockstep layout gpt\0"), table, ...gpts));
  if (first[510] === 0x55 && first[511] === 0xaa) return hex(sha256(utf8("lockstep layout mbr\0"), table));
  const fileSystem = await readFileSystemId(read, sizeBytes);
  return fileSystem && hex(sha256(utf8(`lockstep layout ${fileSystem.name}\0`), fileSystem.id));
}

/** Sector size, header and entries of a GPT; null when there is none for sectors of this size. */
async function readGpt(read: ReadBytes, sectorBytes: number, sizeBytes: number): Promise<Uint8Array | null> {
  if (sizeBytes < 2 * sectorBytes) return null;
  const header = await bytesAt(read, sectorBytes, sectorBytes);
  if (!equalBytes(header.subarray(0, GPT_MAGIC.length), GPT_MAGIC)) return null;
  const view = new DataView(header.buffer);
  const entriesAt = view.getBigUint64(72, true) * BigInt(sectorBytes); // PartitionEntryLBA
  const wanted = view.getUint32(80, true) * view.getUint32(84, true); // NumberOfPartitionEntries, SizeOfPartitionEntry
  const start = entriesAt < BigInt(sizeBytes) ? Number(entriesAt) : sizeBytes;
  const entries = await bytesAt(read, start, Math.min(wanted, MAX_ENTRY_BYTES, sizeBytes - start));
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, sectorBytes, true);
  return concat(size, header, entries);
}

async function bytesAt(read: ReadBytes, offsetBytes: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  if (length > 0) await read(offsetBytes, bytes);
  return bytes;
}

/**
 * Says in words why `found` is another disk than `known`; empty when it may be the same one.
 *
 * A disk may grow or shrink. A stable id speaks against it only when both have one: a newer kernel or another bus may
 * show an id where there was none. A layout that appears, changes or goes does speak against it: only the operator knows
 * whether the guest was partitioned anew or the disk was swapped.
 */
export function compareIdentity(known: DiskIdentity, found: DiskIdentity): string[] {
  const reasons: string[] = [];
  const names = { file: "an image file", block: "a block device" };
  if (known.kind !== found.kind) reasons.push(`it was ${names[known.kind]} and is ${names[found.kind]} now`);
  if (known.stableId !== null && found.stableId !== null && known.stableId !== found.stableId) {
    reasons.push(`its id was ${known.stableId} and is ${found.stableId} now`);
  }
  if (known.layoutHash !== found.layoutHash) {
    if (known.layoutHash === null)
      reasons.push("it had no partition table, LUKS header or file system that is known here, and has one now");
    else if (found.layoutHash === null) reasons.push("its partition table, LUKS header or file system is gone");
    else reasons.push("its partition table, LUKS header or file system is another one");
  }
  return reasons;
}
