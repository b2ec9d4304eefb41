import { Secret } from "#bytes/secret.ts";
import { equalSecret } from "#crypto/derive.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import { opensslHash } from "#volume/cipher/hash.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { KdfRequest, KeyDeriver } from "#volume/header/kdf.ts";

/** What it takes to get a volume key out of a keyslot of LUKS1 or LUKS2. */
export type KeyslotArea = {
  /** Derives the key of the area; its `keyBytes` are those of `areaCipher`. */
  readonly kdf: KdfRequest;
  /** The area as it is stored, whole sectors of `areaCipher`; at least `keyBytes` × `stripes` bytes. Left as it is. */
  readonly area: Uint8Array;
  /** Sectors are counted from the start of the area; null: it is stored in plain (null cipher). */
  readonly areaCipher: SectorCipherSpec | null;
  /** Of the volume key. */
  readonly keyBytes: number;
  readonly stripes: number;
  /** The header's name of the anti-forensic hash. */
  readonly afHash: string;
};

/**
 * Derives the key of a keyslot's area, decrypts the area and merges its stripes.
 *
 * Does not verify what comes out: a wrong secret gives a wrong key, see `isVolumeKey`. Does not weigh the cost either.
 *
 * @returns  what would be the volume key; the caller wipes it
 * @throws {LockstepError} SECRET_REJECTED: an area in plain, and a secret that is not empty: any would open it ·
 *   VOLUME_UNSUPPORTED: the cipher is not known here · KDF_FAILED, CANCELLED
 * @see LUKS1 On-Disk Format Specification 1.2.3, section 4.3; LUKS2 On-Disk Format Specification 1.1, section 4
 */
export async function openKeyslotArea(
  params: KeyslotArea,
  secret: Secret,
  kdf: KeyDeriver,
  signal: AbortSignal,
): Promise<Secret> {
  if (params.areaCipher === null && secret.bytes.length > 0) {
    // As cryptsetup: otherwise swapping in a header with a null cipher would make every passphrase right.
    throw new LockstepError(
      "SECRET_REJECTED",
      "Opening a keyslot with a null cipher: its key lies in plain, so that no secret is asked for but the empty one.",
    );
  }
  // Loaded only where a keyslot is opened: reading headers starts faster without the ciphers.
  const { openSectorCipher } = await import("#volume/cipher/sector-cipher.ts");
  const { afMerge } = await import("#volume/luks/anti-forensic.ts");
  using areaKey = await kdf.derive(params.kdf, secret, signal);
  throwIfCancelled(signal);
  using material = new Secret(params.area.slice());
  if (params.areaCipher !== null) {
    using cipher = openSectorCipher(params.areaCipher, areaKey.bytes);
    cipher.decrypt(material.bytes, 0n);
  }
  return new Secret(afMerge(material.bytes, params.keyBytes, params.stripes, params.afHash));
}

/** The digest that a header has of its volume key. */
export type VolumeKeyDigest = {
  /** `keyBytes` is the digest's length. */
  readonly kdf: KdfRequest;
  readonly digest: Uint8Array;
};

/**
 * Whether the header's digest is of this key.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: a digest of no bytes, which every key would have · KDF_FAILED, CANCELLED
 */
export async function isVolumeKey(
  candidate: Secret,
  expected: VolumeKeyDigest,
  kdf: KeyDeriver,
  signal: AbortSignal,
): Promise<boolean> {
  if (expected.digest.length === 0) throw new LockstepError("ARGUMENT_INVALID", "Verifying a volume key: no digest.");
  using found = await kdf.derive(expected.kdf, candidate, signal);
  return equalSecret(found.bytes, expected.digest);
}

/** What a `KdfRequest` calls a hash that a header names. @throws {LockstepError} VOLUME_UNSUPPORTED: it is not known here */
export function kdfHash(name: string): string {
  return opensslHash(name) ?? name.toLowerCase();
}
