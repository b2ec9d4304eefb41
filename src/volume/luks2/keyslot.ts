import { parseCipher } from "#volume/cipher/cipher-name.ts";
import { isHashKnown } from "#volume/cipher/hash.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";
import type { Obstacle } from "#volume/luks/obstacle.ts";
import { headerBase64 } from "#volume/luks2/base64.ts";
import type { Luks2Kdf, Luks2Keyslot } from "#volume/luks2/metadata.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** cryptsetup uses this number whatever a header says. */
export const LUKS2_STRIPES = 4000;

const SECTOR_BYTES = 512;
const SALT_BYTES = 32;
/** More than any cipher takes. */
const MOST_AREA_KEY_BYTES = 1024n;
/** What LUKS1 can write; so many are refused by their cost. */
const MOST_PBKDF2_ITERATIONS = 2n ** 32n - 1n;
/** RFC 9106, section 3.1. */
const MOST_ARGON2 = { passes: 2n ** 32n - 1n, memoryKiB: 2n ** 32n - 1n, lanes: 2n ** 24n - 1n };

/** What trying a secret on a keyslot takes. */
export type Luks2Opening = {
  readonly kdf: KdfRequest;
  readonly areaCipher: SectorCipherSpec;
  readonly keyBytes: number;
  readonly afHash: string;
};

/**
 * How many bytes of a keyslot's area are in use: whole sectors, and never more than the area has.
 *
 * @param keyslot  of a header that obeys the rules, so that its area is inside the header
 */
export function materialBytes(keyslot: Luks2Keyslot): number {
  const needed = keyslot.content.kind === "volume key" ? neededBytes(keyslot) : Number(keyslot.area.lengthBytes);
  return Math.min(needed, Number(keyslot.area.lengthBytes));
}

/**
 * What trying a secret on a keyslot takes.
 *
 * @returns  or why none can be tried
 * @see LUKS2 On-Disk Format Specification 1.1, section 3.2.1
 */
export function openingOf(keyslot: Luks2Keyslot): Luks2Opening | Obstacle {
  const { content, keyBytes } = keyslot;
  if (content.kind !== "volume key") return unsupported(`its type ${shown(keyslot.type)} is not known here`);
  const fault = areaFault(keyslot, content.areaKeyBytes);
  if (fault !== null) return damaged(fault);
  const areaKeyBytes = Number(content.areaKeyBytes);
  const areaCipher = parseCipher(content.areaCipher, areaKeyBytes, SECTOR_BYTES);
  // As cryptsetup from 2.8.1 on: any secret would open such a keyslot, so opening it proves nothing.
  if ("notEncrypted" in areaCipher) {
    return { code: "SECRET_REJECTED", why: `its area is not encrypted (${shown(content.areaCipher)})` };
  }
  if ("unsupported" in areaCipher) return unsupported(`its area: ${areaCipher.unsupported}`);
  if (!isHashKnown(content.afHash)) return unsupported(`its hash ${shown(content.afHash)} is not known here`);
  const kdf = requestOf(content.kdf, areaKeyBytes);
  return "why" in kdf ? kdf : { kdf, areaCipher, keyBytes, afHash: content.afHash };
}

/** What is impossible in the sizes and places of a keyslot, in words; null when nothing is. */
function areaFault(keyslot: Luks2Keyslot, areaKeyBytes: bigint): string | null {
  const { keyBytes, area } = keyslot;
  if (keyBytes === 0) return "it holds a key of 0 bytes";
  if (neededBytes(keyslot) > area.lengthBytes) {
    return `its area has ${area.lengthBytes} bytes, its key takes ${neededBytes(keyslot)}`;
  }
  if (area.offsetBytes % BigInt(SECTOR_BYTES) !== 0n) return "its area begins in the middle of a sector";
  return isWithin(areaKeyBytes, 0n, MOST_AREA_KEY_BYTES) ? null : `its area has a key of ${areaKeyBytes} bytes`;
}

function neededBytes({ keyBytes }: Luks2Keyslot): number {
  return Math.ceil((keyBytes * LUKS2_STRIPES) / SECTOR_BYTES) * SECTOR_BYTES;
}

function requestOf(kdf: Luks2Kdf, keyBytes: number): KdfRequest | Obstacle {
  if (kdf.kind === "unknown") return unsupported(`its key derivation ${shown(kdf.type)} is not known here`);
  const salt = headerBase64(kdf.salt);
  if (salt?.length !== SALT_BYTES) return damaged(`its salt is not ${SALT_BYTES} bytes in base64`);
  if (kdf.kind === "pbkdf2") {
    const hash = kdf.hash.toLowerCase();
    if (!isHashKnown(hash)) {
      return unsupported(`the hash ${shown(kdf.hash)} of its key derivation is not known here`);
    }
    if (!isWithin(kdf.iterations, 1n, MOST_PBKDF2_ITERATIONS)) {
      return damaged(`${kdf.iterations} iterations are not possible`);
    }
    return { kind: "pbkdf2", hash, iterations: Number(kdf.iterations), salt, keyBytes };
  }
  const { passes, memoryKiB, lanes } = kdf;
  const isPossible =
    isWithin(passes, 1n, MOST_ARGON2.passes) &&
    isWithin(lanes, 1n, MOST_ARGON2.lanes) &&
    isWithin(memoryKiB, 8n * lanes, MOST_ARGON2.memoryKiB);
  if (!isPossible) {
    return damaged(`${kdf.kind} with time ${passes}, memory ${memoryKiB} and cpus ${lanes} is not possible`);
  }
  return {
    kind: kdf.kind,
    passes: Number(passes),
    memoryKiB: Number(memoryKiB),
    lanes: Number(lanes),
    salt,
    keyBytes,
  };
}

function unsupported(why: string): Obstacle {
  return { code: "VOLUME_UNSUPPORTED", why };
}

function damaged(why: string): Obstacle {
  return { code: "HEADER_CORRUPT", why };
}

function isWithin(value: bigint, least: bigint, most: bigint): boolean {
  return value >= least && value <= most;
}

function shown(text: string): string {
  return visibleText(text.slice(0, 80));
}
