import { crc32 } from "node:zlib";

import { concat } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import {
  bytesFrom,
  entry,
  guidBytes,
  protectorEntry,
  sealedEntry,
  u16,
  u32,
  u64,
  utf16,
} from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { openSectorEncrypter } from "#testing/volumes/sector-encrypter.ts";
import type { SectorEncrypter } from "#testing/volumes/sector-encrypter.ts";

/** A BitLocker volume to be made; what is left out is as on an ordinary one of Windows 10. */
export type BitlockerRecipe = {
  readonly layout?: "7" | "togo" | "vista";
  /** Of the boot sector. */
  readonly identifier?: string;
  /** 0x8000 to 0x8005. */
  readonly method?: number;
  readonly sectorBytes?: 512 | 4096;
  /** What the boot sector says, where that is something else. */
  readonly saidSectorBytes?: number;
  readonly state?: readonly [now: number, next: number];
  readonly encryptedBytes?: number;
  readonly convertingBytes?: number;
  readonly movedBootEntry?: "long" | "short" | "none";
  readonly description?: string;
  readonly protectors?: readonly MadeProtector[];
  /** More entries of the metadata, behind the others. */
  readonly more?: readonly Uint8Array[];
  readonly nextNonce?: number;
  readonly hasMac?: boolean;
  /** Whether all sectors are encrypted, which takes a while, and not only the moved boot sectors. */
  readonly isWhole?: boolean;
};

/** A volume that was made. */
export type MadeVolume = {
  readonly image: Uint8Array;
  /** What its mapping shows, where it is whole. */
  readonly plain: Uint8Array;
  readonly volumeKey: Uint8Array;
  readonly copyOffsets: readonly number[];
  readonly movedOffset: number;
  /** Of a copy, without its validation. */
  readonly blockBytes: number;
};

export const VOLUME_GUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const ORDINARY = "4967d63b-2e29-4ad8-8399-f6a339e3d001";
export const ENCRYPT_ON_WRITE = "92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8";

const SIZE = 288 * 1024;
const COPY_OFFSETS = [0x8000, 0x20000, 0x30000];
const MOVED_OFFSET = 0x1a000;
const MOVED_BYTES = 8192;
const CLUSTER_SECTORS = 8;
const MFT_MIRROR = 0x1234n;

const keyBytes: Readonly<Record<number, number>> = {
  0x8000: 32,
  0x8001: 64,
  0x8002: 16,
  0x8003: 32,
  0x8004: 32,
  0x8005: 64,
};

/** Makes a volume of 288 KiB: an NTFS boot sector, and bytes that look random, in plain and as BitLocker stores them. */
export function makeBitlocker(recipe: BitlockerRecipe): MadeVolume {
  const { layout = "7", method = 0x8004, sectorBytes = 512 } = recipe;
  const vmk = bytesFrom("vmk", 32);
  const volumeKey = bytesFrom("volume key", keyBytes[method] ?? 32);
  const block = metadataBlock(recipe, vmk, volumeKey);
  const mac = recipe.hasMac === false ? [] : [sealedEntry(0, vmk, 0x2005, sha256(block), 90)];
  const validation = concat(u16(0x10000 - block.length), u16(2), u32(crc32(block)), ...mac);

  const plain = bytesFrom("content", SIZE);
  plain.set(ntfsBootSector(recipe), 0);
  const areaBytes = areaBytesOf(layout);
  for (const offset of COPY_OFFSETS) plain.fill(0, offset, offset + areaBytes);
  if (layout !== "vista") plain.fill(0, MOVED_OFFSET, MOVED_OFFSET + MOVED_BYTES);

  using cipher = openSectorEncrypter(
    {
      cipher: "aes",
      mode: method < 0x8004 ? "cbc" : "xts",
      iv: { kind: method < 0x8004 ? "bitlocker" : "plain64" },
      keyBytes: volumeKey.length,
      sectorBytes,
      ivUnitBytes: sectorBytes,
      diffuser: method < 0x8002,
    },
    volumeKey,
  );
  const image = encrypted(recipe, plain, cipher);
  for (const offset of COPY_OFFSETS) {
    image.fill(0, offset, offset + areaBytes);
    image.set(concat(block, validation), offset);
  }
  const made = { image, plain, volumeKey, copyOffsets: COPY_OFFSETS, movedOffset: MOVED_OFFSET };
  return { ...made, blockBytes: block.length };
}

/** The volume with another byte in a copy, and a checksum that fits: what somebody without the key can do. */
export function forge(made: MadeVolume, copies: readonly number[], at: number, bytes: Uint8Array): Uint8Array {
  const image = Uint8Array.from(made.image);
  for (const copy of copies) {
    const offset = made.copyOffsets[copy - 1] ?? 0;
    image.set(bytes, offset + at);
    const block = image.subarray(offset, offset + made.blockBytes);
    image.set(u32(crc32(block)), offset + made.blockBytes + 4);
  }
  return image;
}

/** Whether a byte lies in a copy's area, or among the moved boot sectors. */
function isReserved({ layout }: BitlockerRecipe, at: number): boolean {
  const isIn = (offset: number, length: number): boolean => at >= offset && at < offset + length;
  return (
    COPY_OFFSETS.some((offset) => isIn(offset, areaBytesOf(layout))) ||
    (layout !== "vista" && isIn(MOVED_OFFSET, MOVED_BYTES))
  );
}

function areaBytesOf(layout: BitlockerRecipe["layout"]): number {
  return layout === "vista" ? 16 * 1024 : 64 * 1024;
}

/** What is stored: the reverse of what a reader does. */
function encrypted(recipe: BitlockerRecipe, plain: Uint8Array, cipher: SectorEncrypter): Uint8Array {
  const { layout = "7", encryptedBytes = SIZE, sectorBytes = 512 } = recipe;
  const image = bytesFrom("what nobody reads", SIZE);
  const keepPlain = layout === "vista" ? 16 * sectorBytes : 0;
  const step = encryptedBytes % 4096 === 0 ? 4096 : sectorBytes; // several sectors at once, where all are of one kind
  for (let at = 0; at < SIZE; at += step) {
    const to = layout !== "vista" && at < MOVED_BYTES ? MOVED_OFFSET + at : at;
    if (isReserved(recipe, to) && to === at) continue;
    if (recipe.isWhole !== true && at >= MOVED_BYTES) break;
    const sectors = plain.slice(at, at + step);
    if (at >= keepPlain && to < encryptedBytes) cipher.encrypt(sectors, BigInt(to / sectorBytes));
    image.set(sectors, to);
  }
  image.set(layout === "vista" ? vistaBootSector(plain, sectorBytes) : bootSector(recipe), 0);
  if (layout === "vista") image.set(vistaBootSector(plain, sectorBytes), SIZE - sectorBytes);
  if (layout === "vista") plain.set(plain.subarray(0, sectorBytes), SIZE - sectorBytes);
  return image;
}

function ntfsBootSector({ sectorBytes = 512 }: BitlockerRecipe): Uint8Array {
  const sector = bytesFrom("boot code", sectorBytes);
  sector.set(concat(Uint8Array.of(0xeb, 0x52, 0x90), utf8("NTFS    "), u16(sectorBytes)), 0);
  sector.set([CLUSTER_SECTORS], 13);
  sector.set(concat(u64(SIZE / sectorBytes - 1), u64(4), u64(MFT_MIRROR)), 40);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

function vistaBootSector(plain: Uint8Array, sectorBytes: number): Uint8Array {
  const sector = plain.slice(0, sectorBytes);
  sector.set(utf8("-FVE-FS-"), 3);
  sector.set(u64((COPY_OFFSETS[0] ?? 0) / (CLUSTER_SECTORS * sectorBytes)), 56);
  return sector;
}

function bootSector({
  layout,
  identifier = ORDINARY,
  sectorBytes = 512,
  saidSectorBytes,
}: BitlockerRecipe): Uint8Array {
  const sector = new Uint8Array(512);
  const signature = layout === "togo" ? "MSWIN4.1" : "-FVE-FS-";
  sector.set(concat(Uint8Array.of(0xeb, 0x58, 0x90), utf8(signature), u16(saidSectorBytes ?? sectorBytes)), 0);
  sector.set(concat(guidBytes(identifier), ...COPY_OFFSETS.map(u64)), layout === "togo" ? 424 : 160);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

function metadataBlock(recipe: BitlockerRecipe, vmk: Uint8Array, volumeKey: Uint8Array): Uint8Array {
  const { layout = "7", method = 0x8004, sectorBytes = 512, description = "HOST C: 1/2/2026" } = recipe;
  const {
    state = [4, 4],
    encryptedBytes = SIZE,
    convertingBytes = 0,
    movedBootEntry = "long",
    nextNonce = 91,
  } = recipe;
  const isVista = layout === "vista";
  const long = movedBootEntry === "long" ? concat(u16(5), u16(76), new Uint8Array(72)) : new Uint8Array();
  const hasMoved = !isVista && movedBootEntry !== "none";
  const entries = concat(
    entry(7, 2, utf16(`${description}\0`)),
    ...(recipe.protectors ?? []).map((made, index) => protectorEntry(made, vmk, 10 * index)),
    sealedEntry(3, vmk, method, sealedForm(method, volumeKey), 80),
    ...(hasMoved ? [entry(0xf, 0xf, u64(MOVED_OFFSET), u64(MOVED_BYTES), long)] : []),
    ...(recipe.more ?? []),
  );
  const datasetBytes = 48 + entries.length;
  const blockBytes = Math.ceil((64 + datasetBytes) / 16) * 16;
  const head = concat(
    utf8("-FVE-FS-"),
    u16(isVista ? blockBytes : blockBytes / 16),
    u16(isVista ? 1 : 2),
    ...state.map(u16),
    ...(isVista ? [new Uint8Array(16)] : [u64(encryptedBytes), u32(convertingBytes), u32(MOVED_BYTES / sectorBytes)]),
    ...COPY_OFFSETS.map(u64),
    u64(isVista ? MFT_MIRROR : MOVED_OFFSET),
  );
  const dataset = [u32(datasetBytes), u32(1), u32(48), u32(datasetBytes), guidBytes(VOLUME_GUID)];
  const block = concat(head, ...dataset, u32(nextNonce), u32(method), u64(0x01d5_3231_4085_930cn), entries);
  return concat(block, new Uint8Array(blockBytes - block.length));
}

/** Elephant's two keys have 32 bytes of room each. */
function sealedForm(method: number, volumeKey: Uint8Array): Uint8Array {
  if (method !== 0x8000) return volumeKey;
  const gap = new Uint8Array(16);
  return concat(volumeKey.subarray(0, 16), gap, volumeKey.subarray(16), gap);
}
