import type { EncryptedVolume, Protector, VolumeWarning } from "#volume/header/volume.ts";
import { luks1Fingerprint, luks1HeaderDigest, luks1Identity } from "#volume/luks1/identity.ts";
import type { Luks1Material } from "#volume/luks1/identity.ts";
import { LUKS1_SECTOR_BYTES } from "#volume/luks1/luks1.ts";
import type { Luks1Header } from "#volume/luks1/luks1.ts";
import { keyslotCost } from "#volume/luks1/unlock.ts";
import type { Place } from "#volume/source/source.ts";

/** What was read of a LUKS1 volume. */
export type Luks1Reading = {
  readonly header: Luks1Header;
  readonly headerBytes: Uint8Array;
  /** Of the keyslots that are in use, or damaged, in order. */
  readonly materials: readonly Luks1Material[];
  /** Of the source. */
  readonly sizeBytes: number;
  readonly isNullCipher: boolean;
  readonly unreadable: string | null;
};

/** Why a volume that is being re-encrypted offline cannot be read. */
export const HALF_REENCRYPTED =
  "an offline re-encryption has begun and not ended, and only its log file says how far it came: cryptsetup can end it";

/** A keyslot as a protector. */
export function luks1Protector({ header, unreadable }: Luks1Reading, material: Luks1Material): Protector {
  const unusable = unreadable ?? whyUnusable(material);
  return {
    id: `keyslot ${material.keyslot.number}`,
    kind: "passphrase",
    label: null,
    cost: unusable === null ? keyslotCost(header, material.keyslot) : null,
    fingerprint: luks1Fingerprint(header, material),
    unusable,
  };
}

/** The volume as it is shown. */
export function luks1Facts(reading: Luks1Reading, protectors: readonly Protector[]): EncryptedVolume {
  const { header, unreadable } = reading;
  return {
    format: "luks1",
    version: "1",
    cipher: `${header.cipherName}-${header.cipherMode}`,
    keyBits: header.keyBytes * 8,
    sectorBytes: LUKS1_SECTOR_BYTES,
    uuid: header.uuid === "" ? null : header.uuid,
    label: null,
    state: header.isReencrypting ? "converting" : unreadable === null ? "encrypted" : "unreadable",
    unreadable,
    progress: null,
    protectors,
    tokens: [],
    payload: payloadOf(reading),
    headerRanges: headerRanges(reading),
    identity: luks1Identity(header),
    headerDigest: luks1HeaderDigest(reading.headerBytes, reading.materials),
    warnings: warningsOf(reading),
  };
}

function whyUnusable({ keyslot, sha256 }: Luks1Material): string | null {
  const { state, stateValue, iterations } = keyslot;
  if (state === "damaged")
    return `its state 0x${stateValue.toString(16)} is neither that of one in use nor of one that is not`;
  if (iterations === 0) return "its key is derived with 0 iterations, which is not possible";
  return sha256 === null ? "its key material cannot be read" : null;
}

function payloadOf({ header, sizeBytes }: Luks1Reading): Place | null {
  const { payloadOffsetBytes: offsetBytes } = header;
  const lengthBytes = wholeSectors(sizeBytes - offsetBytes);
  return offsetBytes === 0 || lengthBytes <= 0 ? null : { offsetBytes, lengthBytes };
}

/** The sectors of the header and of the key material in use that can be read, ascending; what touches is one range. */
function headerRanges({ header, materials, sizeBytes }: Luks1Reading): readonly Place[] {
  const places = [{ offsetBytes: 0, lengthBytes: Math.min(2 * LUKS1_SECTOR_BYTES, sizeBytes) }];
  const areas = materials
    .filter(({ sha256 }) => sha256 !== null)
    .map(({ keyslot }) => ({ offsetBytes: keyslot.materialOffsetBytes, lengthBytes: header.materialBytes }))
    .toSorted((a, b) => a.offsetBytes - b.offsetBytes);
  for (const area of areas) {
    const last = places.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === area.offsetBytes) {
      places.splice(-1, 1, { ...last, lengthBytes: last.lengthBytes + area.lengthBytes });
    } else {
      places.push(area);
    }
  }
  return places;
}

function warningsOf(reading: Luks1Reading): readonly VolumeWarning[] {
  const { header, materials, isNullCipher } = reading;
  const warnings: VolumeWarning[] = [];
  if (isNullCipher) {
    const cipher = `the cipher is ${header.cipherName}`;
    warnings.push(
      { code: "NULL_CIPHER", message: `${cipher}: the keyslots hold the volume key in plain` },
      { code: "NOT_ENCRYPTED", message: `${cipher}: all sectors are stored in plain` },
    );
  }
  if (header.isReencrypting) warnings.push({ code: "CONVERTING", message: HALF_REENCRYPTED });
  for (const material of materials) {
    const why = whyUnusable(material);
    if (why !== null) warnings.push({ code: "ENTRY_IGNORED", message: `keyslot ${material.keyslot.number}: ${why}` });
  }
  const size = sizeWarning(reading);
  return size === null ? warnings : [...warnings, { code: "SIZE_IMPOSSIBLE", message: size }];
}

/** What is missing at the end of a volume that was cut short. cryptsetup refuses one that lacks key material not in use. */
function sizeWarning({ header, sizeBytes }: Luks1Reading): string | null {
  const { payloadOffsetBytes, keyslots, materialBytes } = header;
  if (payloadOffsetBytes !== 0) {
    if (wholeSectors(sizeBytes - payloadOffsetBytes) > 0) return null;
    return `the payload begins at byte ${payloadOffsetBytes}, and this has ${sizeBytes} bytes: a header alone, or cut short`;
  }
  const end = Math.max(...keyslots.map(({ materialOffsetBytes }) => materialOffsetBytes + materialBytes));
  return end <= sizeBytes ? null : `the keyslots end at byte ${end}, and this has ${sizeBytes} bytes: it was cut short`;
}

function wholeSectors(bytes: number): number {
  return Math.floor(bytes / LUKS1_SECTOR_BYTES) * LUKS1_SECTOR_BYTES;
}
