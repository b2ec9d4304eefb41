import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import type { LayoutFound } from "#volume/bitlocker/layout.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";

/**
 * Checks a volume key that was given as such. The format has no digest of it: the first of the moved boot sectors must
 * decrypt to one, by its jump and its last two bytes (NTFS, FAT, exFAT) or its name (ReFS). A wrong key passes once in 2^24.
 *
 * @returns a copy
 * @throws {LockstepError} SECRET_INVALID: it is not of the cipher's length · SECRET_REJECTED: it gives no boot sector ·
 *   VOLUME_UNSUPPORTED: there is no such sector, or it is not encrypted · HEADER_CORRUPT: it cannot be read
 */
export function verifyVolumeKey(given: Secret, found: LayoutFound): Secret {
  const { readable, movedBoot, movedSector } = found;
  if (readable === null || movedBoot === null)
    throw unverifiable("an old volume keeps nothing to check a volume key by");
  const { spec, encryptedBytes } = readable.layout;
  if (given.bytes.length !== spec.keyBytes) {
    const size = `${given.bytes.length} bytes instead of ${spec.keyBytes}`;
    throw new LockstepError("SECRET_INVALID", `Opening a BitLocker volume: the volume key has ${size}.`);
  }
  if (encryptedBytes !== null && movedBoot.offsetBytes >= encryptedBytes) {
    throw unverifiable("what a volume key could be checked by is not encrypted yet");
  }
  if (movedSector === null) {
    throw new LockstepError("HEADER_CORRUPT", "Opening a BitLocker volume: its moved boot sectors cannot be read.");
  }
  using plain = new Secret(Uint8Array.from(movedSector));
  using cipher = openSectorCipher(spec, given.bytes);
  cipher.decrypt(plain.bytes, BigInt(movedBoot.offsetBytes / spec.ivUnitBytes));
  if (isBootSector(plain.bytes)) return new Secret(Uint8Array.from(given.bytes));
  throw new LockstepError("SECRET_REJECTED", "Opening a BitLocker volume: the volume key does not give a boot sector.");
}

function isBootSector(bytes: Uint8Array): boolean {
  const isReFs = [0x52, 0x65, 0x46, 0x53].every((unit, at) => bytes[3 + at] === unit); // "ReFS"
  const hasJump = bytes[0] === 0xe9 || (bytes[0] === 0xeb && bytes[2] === 0x90);
  return isReFs || (hasJump && bytes[510] === 0x55 && bytes[511] === 0xaa);
}

function unverifiable(why: string): LockstepError {
  return new LockstepError("VOLUME_UNSUPPORTED", `Opening a BitLocker volume: ${why}.`);
}
