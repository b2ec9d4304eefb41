import { equalBytes } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { guidText } from "#volume/source/guid-text.ts";

/** What the first sector of a BitLocker volume says. */
export type BootSector = {
  /** Where the rest of it is: Windows Vista, Windows 7 and later, or To Go on a FAT volume. */
  readonly layout: "vista" | "7" | "togo";
  /** Which kind of volume its identifier means; Vista has none, and is `ordinary`. */
  readonly identifier: "ordinary" | "encrypt-on-write" | "unknown";
  /** As Windows writes it, for messages; null for Vista. */
  readonly identifierText: string | null;
  /** 0 where it does not say (exFAT volumes); not checked. */
  readonly sectorBytes: number;
  /** Where the copies of the metadata begin, in bytes; for Vista the first only, which names the others. Not checked. */
  readonly copyOffsets: readonly bigint[];
  /** Of NTFS, for Vista; null else. */
  readonly ntfs: { readonly clusterBytes: number; readonly sectors: bigint } | null;
};

/** Bytes that `parseBootSector` wants. */
export const BOOT_SECTOR_BYTES = 512;

const SIGNATURE = utf8("-FVE-FS-");
/** Also what old Windows wrote on any FAT volume: the identifier must be there too. */
const TO_GO_SIGNATURE = utf8("MSWIN4.1");
const VISTA_JUMP = Uint8Array.of(0xeb, 0x52, 0x90);

/** Identifiers, the same in every volume of the kind. */
const ORDINARY = "4967d63b-2e29-4ad8-8399-f6a339e3d001";
const ENCRYPT_ON_WRITE = "92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8";

const IDENTIFIER_AT = 160;
const TO_GO_IDENTIFIER_AT = 424;

/**
 * Parses the first sector. Does not verify that there is metadata where it says.
 *
 * @param bytes  the volume's first 512 bytes, or all where it is shorter
 * @returns      null when this is no BitLocker volume
 * @throws {LockstepError} HEADER_CORRUPT: BitLocker by its signature, but cut short or impossible
 * @see libbde, "BitLocker Drive Encryption (BDE) format", section 5 "Volume header"; cryptsetup lib/bitlk/bitlk.c
 */
export function parseBootSector(bytes: Uint8Array): BootSector | null {
  const signature = bytes.subarray(3, 11);
  const isToGo = equalBytes(signature, TO_GO_SIGNATURE);
  if (!isToGo && !equalBytes(signature, SIGNATURE)) return null;
  if (bytes.length < BOOT_SECTOR_BYTES) {
    if (isToGo) return null;
    throw corrupt(`it is cut short after ${bytes.length} bytes`);
  }
  const at = new Cursor(bytes, "BitLocker boot sector");
  at.skip(11, "jump and signature");
  const sectorBytes = at.u16("bytes per sector");
  const identifierAt = isToGo ? TO_GO_IDENTIFIER_AT : IDENTIFIER_AT;
  const raw = bytes.subarray(identifierAt, identifierAt + 16);
  const identifierText = guidText(raw);
  const identifier = identifierOf(identifierText);
  if (identifier === "unknown") {
    if (isToGo) return null;
    const vista = parseVista(bytes, sectorBytes);
    if (vista !== null) return vista;
  }
  at.skip(identifierAt + 16 - at.offset, "BIOS parameter block, boot code and identifier");
  return {
    layout: isToGo ? "togo" : "7",
    identifier,
    identifierText,
    sectorBytes,
    copyOffsets: [1, 2, 3].map((copy) => at.u64(`offset of metadata copy ${copy}`)),
    ntfs: null,
  };
}

/** Vista kept NTFS's boot sector and put the first copy's cluster where that of the MFT's mirror is; null when it did not. */
function parseVista(bytes: Uint8Array, sectorBytes: number): BootSector | null {
  if (!equalBytes(bytes.subarray(0, 3), VISTA_JUMP)) return null;
  const at = new Cursor(bytes, "BitLocker boot sector");
  at.skip(13, "jump, signature and bytes per sector");
  const sectorsPerCluster = at.u8("sectors per cluster");
  at.skip(26, "other BIOS parameters");
  const sectors = at.u64("sectors");
  at.skip(8, "cluster of the MFT");
  const cluster = at.u64("cluster of metadata copy 1");
  if (cluster === 0n) return null;
  const isPower = (number: number): boolean => number > 0 && (number & (number - 1)) === 0;
  if (!isPower(sectorBytes) || sectorBytes < 512 || sectorBytes > 4096) {
    throw corrupt(`bytes per sector at byte 11: ${sectorBytes} is not allowed`);
  }
  if (!isPower(sectorsPerCluster)) throw corrupt(`sectors per cluster at byte 13: ${sectorsPerCluster} is not allowed`);
  const clusterBytes = sectorBytes * sectorsPerCluster;
  return {
    layout: "vista",
    identifier: "ordinary",
    identifierText: null,
    sectorBytes,
    copyOffsets: [cluster * BigInt(clusterBytes)],
    ntfs: { clusterBytes, sectors },
  };
}

function identifierOf(text: string): BootSector["identifier"] {
  if (text === ORDINARY) return "ordinary";
  return text === ENCRYPT_ON_WRITE ? "encrypt-on-write" : "unknown";
}

function corrupt(found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `BitLocker boot sector: ${found}`);
}
