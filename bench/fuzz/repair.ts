import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { utf8 } from "#bytes/text.ts";
import { lvmCrc } from "#volume/filesystem/lvm-areas.ts";
import { crc32c } from "#volume/source/crc32c.ts";

import type { Image } from "./image.ts";

/** Makes checksums right again after a mutation, so that the code after their verification is reached. */
export function repairChecksums(image: Image, metadataPlaces: readonly number[]): void {
  repairLuks2(image, 0);
  for (const at of [16, 32, 64, 128, 256, 512, 1024, 2048, 4096]) repairLuks2(image, at * 1024);
  for (const at of metadataPlaces) repairBitlocker(image, at);
  for (const sectorBytes of [512, 4096]) {
    repairGpt(image, sectorBytes, sectorBytes);
    repairGpt(image, image.sizeBytes - sectorBytes, sectorBytes);
  }
  repairCrc32c(image, 1024, 1024, 1020, true); // ext4's superblock
  repairCrc32c(image, 0, 512, 224, false); // XFS's
  repairBtrfs(image, 64 * 1024);
  repairLvm(image);
}

/** LUKS2 On-Disk Format Specification, section 2.1: SHA-256 over the binary header and the JSON area. */
function repairLuks2(image: Image, at: number): void {
  if (at + 4096 > image.sizeBytes) return;
  const magic = at === 0 ? "LUKS\xba\xbe" : "SKUL\xba\xbe";
  if (Buffer.from(image.read(at, 6)).toString("latin1") !== magic) return;
  const size = new DataView(image.read(at + 8, 8).buffer).getBigUint64(0);
  if (size < 4096n || size > 4n << 20n || at + Number(size) > image.sizeBytes) return;
  const area = image.read(at, Number(size));
  area.fill(0, 448, 512);
  const checksum = new Uint8Array(64);
  checksum.set(createHash("sha256").update(area).digest());
  image.write(at + 448, checksum);
}

/** Each copy of BitLocker's metadata is followed by the CRC-32 of it. */
function repairBitlocker(image: Image, at: number): void {
  if (at + 64 > image.sizeBytes) return;
  const head = new DataView(image.read(at, 64).buffer);
  const bytes = head.getUint16(10, true) === 1 ? head.getUint16(8, true) : head.getUint16(8, true) * 16;
  if (at + bytes + 8 > image.sizeBytes) return;
  image.write(at + bytes + 4, u32(crc32(image.read(at, bytes))));
}

/** UEFI Specification, section 5.3.2: of the entries, and then of the header. */
function repairGpt(image: Image, at: number, sectorBytes: number): void {
  if (at < 0 || at + sectorBytes > image.sizeBytes) return;
  const sector = image.read(at, sectorBytes);
  if (!Buffer.from(sector.buffer).subarray(0, 8).equals(utf8("EFI PART"))) return;
  const header = new DataView(sector.buffer);
  const headerBytes = header.getUint32(12, true);
  const entriesAt = Number(header.getBigUint64(72, true)) * sectorBytes;
  const entriesBytes = header.getUint32(80, true) * header.getUint32(84, true);
  if (entriesBytes <= 1 << 20 && entriesAt + entriesBytes <= image.sizeBytes) {
    header.setUint32(88, crc32(image.read(entriesAt, entriesBytes)), true);
  }
  if (headerBytes >= 92 && headerBytes <= sectorBytes) {
    header.setUint32(16, 0, true);
    header.setUint32(16, crc32(sector.subarray(0, headerBytes)), true);
  }
  image.write(at, sector);
}

/** A superblock with a CRC-32C of itself: what comes before it (ext4, which does not invert it), or all with zeros in its place (XFS). */
function repairCrc32c(image: Image, at: number, bytes: number, checksumAt: number, isBefore: boolean): void {
  if (at + bytes > image.sizeBytes) return;
  const block = image.read(at, bytes);
  if (isBefore) {
    if (block[56] !== 0x53 || block[57] !== 0xef) return;
    image.write(at + checksumAt, u32(~crc32c(block.subarray(0, checksumAt)) >>> 0));
  } else if (Buffer.from(block.buffer).subarray(0, 4).equals(utf8("XFSB"))) {
    block.fill(0, checksumAt, checksumAt + 4);
    image.write(at + checksumAt, u32(crc32c(block)));
  }
}

function repairBtrfs(image: Image, at: number): void {
  if (at + 4096 > image.sizeBytes) return;
  const block = image.read(at, 4096);
  if (!Buffer.from(block.buffer).subarray(64, 72).equals(utf8("_BHRfS_M"))) return;
  image.write(at, u32(crc32c(block.subarray(32))));
}

/** The label in sector 1, and the text of the metadata area at 4 KiB and its header. */
function repairLvm(image: Image): void {
  if (image.sizeBytes < 8192) return;
  const label = image.read(512, 512);
  if (Buffer.from(label.buffer).subarray(0, 8).equals(utf8("LABELONE")))
    image.write(528, u32(lvmCrc(label.subarray(20))));
  const area = image.read(4096, 512);
  if (!Buffer.from(area.buffer).subarray(4, 9).equals(utf8(" LVM2"))) return;
  const header = new DataView(area.buffer);
  const at = 4096n + header.getBigUint64(40, true);
  const bytes = header.getBigUint64(48, true);
  if (at + bytes <= image.sizeBytes && bytes < 1n << 20n) {
    header.setUint32(56, lvmCrc(image.read(Number(at), Number(bytes))), true);
  }
  header.setUint32(0, lvmCrc(area.subarray(4)), true);
  image.write(4096, area);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
