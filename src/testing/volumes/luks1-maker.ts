import { pbkdf2Sync } from "node:crypto";

import { concat } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { afSplit } from "#testing/volumes/af-split.ts";
import { openSectorEncrypter } from "#testing/volumes/sector-encrypter.ts";
import { parseCipher } from "#volume/cipher/cipher-name.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";

/** A keyslot that is in use. */
export type MadeKeyslot = { readonly number: number; readonly passphrase: string; readonly iterations: number };

/** What a LUKS1 volume is made of. */
export type Luks1Make = {
  readonly random: Random;
  readonly cipherName: string;
  readonly cipherMode: string;
  readonly hash: string;
  /** Its length is that of the header's `key bytes`. */
  readonly volumeKey: Uint8Array;
  readonly keyslots: readonly MadeKeyslot[];
  readonly digestIterations: number;
  /** 0: a detached header; the volume then ends with the keyslots. */
  readonly payloadSectors: number;
  /** Whole sectors; goes encrypted behind the header. */
  readonly plaintext: Uint8Array;
  readonly uuid: string;
};

const SECTOR = 512;

/** Where a keyslot's fields begin in the header. */
export function keyslotAt(number: number): number {
  return 208 + 48 * number;
}

/** Sectors of a keyslot's key material. */
export function materialSectors(keyBytes: number): number {
  return Math.ceil((keyBytes * 4000) / SECTOR);
}

/** The first sector of a keyslot's key material where cryptsetup would put it: 4 KiB and multiples of it. */
export function materialSector(number: number, keyBytes: number): number {
  return 8 + number * Math.ceil(materialSectors(keyBytes) / 8) * 8;
}

/** The smallest payload offset that leaves room for all keyslots. */
export function firstPayloadSector(keyBytes: number): number {
  return materialSector(7, keyBytes) + materialSectors(keyBytes);
}

/** A LUKS1 volume from its first byte to its last, made as the specification says (LUKS1 1.2.3, section 4.1 and 4.2). */
export function makeLuks1(make: Luks1Make): Uint8Array {
  const { random, volumeKey, hash, payloadSectors } = make;
  const keyBytes = volumeKey.length;
  const headerBytes = (payloadSectors === 0 ? firstPayloadSector(keyBytes) : payloadSectors) * SECTOR;
  const volume = concat(new Uint8Array(headerBytes), make.plaintext);
  const view = new DataView(volume.buffer);
  volume.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]);
  volume.set(utf8(make.cipherName), 8);
  volume.set(utf8(make.cipherMode), 40);
  volume.set(utf8(hash), 72);
  view.setUint32(104, payloadSectors);
  view.setUint32(108, keyBytes);
  const digestSalt = random(32);
  volume.set(pbkdf2Sync(volumeKey, digestSalt, make.digestIterations, 20, hash), 112);
  volume.set(digestSalt, 132);
  view.setUint32(164, make.digestIterations);
  volume.set(utf8(make.uuid), 168);

  const spec = cipherOf(make);
  for (let number = 0; number < 8; number++) {
    const at = keyslotAt(number);
    view.setUint32(at, 0x0000dead);
    view.setUint32(at + 40, materialSector(number, keyBytes));
    view.setUint32(at + 44, 4000);
  }
  for (const { number, passphrase, iterations } of make.keyslots) {
    const at = keyslotAt(number);
    const salt = random(32);
    view.setUint32(at, 0x00ac71f3);
    view.setUint32(at + 4, iterations);
    volume.set(salt, at + 8);
    const area = new Uint8Array(materialSectors(keyBytes) * SECTOR);
    area.set(afSplit(volumeKey, 4000, hash, random));
    encrypt(spec, pbkdf2Sync(passphrase, salt, iterations, keyBytes, hash), area);
    volume.set(area, materialSector(number, keyBytes) * SECTOR);
  }
  encrypt(spec, volumeKey, volume.subarray(headerBytes));
  return volume;
}

/** null: a null cipher. */
function cipherOf({ cipherName, cipherMode, volumeKey }: Luks1Make): SectorCipherSpec | null {
  const parsed = parseCipher(`${cipherName}-${cipherMode}`, volumeKey.length, SECTOR);
  if ("unsupported" in parsed) throw new Error(parsed.unsupported);
  return "notEncrypted" in parsed ? null : parsed;
}

function encrypt(spec: SectorCipherSpec | null, key: Uint8Array, sectors: Uint8Array): void {
  if (spec === null || sectors.length === 0) return;
  using cipher = openSectorEncrypter(spec, key.slice());
  cipher.encrypt(sectors, 0n);
}
