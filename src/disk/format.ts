import { equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";

/** A format in which a file holds a disk by other means than byte for byte. */
export type ImageFormat = "qcow2" | "VHDX" | "VHD" | "VMDK" | "VDI" | "QED";

/** What qemu-img calls each of them. */
export const qemuNames: Readonly<Record<ImageFormat, string>> = {
  qcow2: "qcow2",
  VHDX: "vhdx",
  VHD: "vpc",
  VMDK: "vmdk",
  VDI: "vdi",
  QED: "qed",
};

/** How many bytes `recogniseFormat` looks at, from each end. */
export const headBytes = 512;
export const tailBytes = 512;

/**
 * Names the format of an image by its magic bytes. Does not check that the rest fits.
 *
 * @param head  the first 512 bytes, or the whole of a shorter file
 * @param tail  the last 512 bytes, or the whole of a shorter file
 * @returns     null for a raw image: a disk byte for byte
 * @see QEMU block/qcow.c and docs/interop/qcow2.rst · MS-VHDX 2.2.1 · Virtual Hard Disk Format Spec 1.0, "Hard Disk
 *   Footer Format" (a fixed VHD has nothing but this footer; Virtual PC before 2004 wrote 511 bytes of it) · VMware
 *   Virtual Disk Format 5.0 · QEMU block/vdi.c · QEMU docs/interop/qed_spec.rst
 */
export function recogniseFormat(head: Uint8Array, tail: Uint8Array): ImageFormat | null {
  for (const { format, at, magic } of magics) {
    if (equalBytes(head.subarray(at, at + magic.length), magic)) return format;
  }
  for (const footerBytes of [512, 511]) {
    const at = tail.length - footerBytes;
    if (at >= 0 && equalBytes(tail.subarray(at, at + CONECTIX.length), CONECTIX)) return "VHD";
  }
  return null;
}

const CONECTIX = utf8("conectix");

const magics: readonly { format: ImageFormat; at: number; magic: Uint8Array }[] = [
  { format: "qcow2", at: 0, magic: Uint8Array.of(0x51, 0x46, 0x49, 0xfb) }, // "QFI\xfb", of qcow version 1 too
  { format: "VHDX", at: 0, magic: utf8("vhdxfile") },
  { format: "VHD", at: 0, magic: CONECTIX },
  { format: "VMDK", at: 0, magic: utf8("KDMV") },
  { format: "VMDK", at: 0, magic: utf8("COWD") },
  { format: "VMDK", at: 0, magic: utf8("# Disk DescriptorFile") },
  { format: "VDI", at: 64, magic: Uint8Array.of(0x7f, 0x10, 0xda, 0xbe) },
  { format: "QED", at: 0, magic: utf8("QED\0") },
];
