import type { Secret } from "#bytes/secret.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";

/** How an unlock may go about it. */
export type UnlockTerms = {
  readonly kdf: KeyDeriver;
  /** A derivation that costs more is refused before it is begun. */
  readonly limit: CostLimit;
  /** Try this protector and no other; null: all that fit the secret, the cheapest first. */
  readonly only: string | null;
};

/** Keys of a volume, verified by its own digest or MAC. Wipes them when it is disposed of. */
export interface UnlockedVolume extends Disposable {
  /** The protector that the secret opened; null for a volume key that was given, and where nothing is encrypted. */
  readonly protector: Protector | null;
  /** Those that it opened besides, each of which has another of the volume's keys: while a volume is being re-encrypted. */
  readonly others: readonly Protector[];
  /** Parallel to the mapping's ciphers: one, or two while a volume is being re-encrypted. */
  readonly volumeKeys: readonly Secret[];
}

/** The header of an encrypted volume, read and valid. All of it is in memory but the key material of LUKS. */
export interface EncryptedHeader {
  readonly facts: EncryptedVolume;
  /** The protectors that a secret of this kind would be tried on, the cheapest first. */
  protectorsFor(secret: Pick<VolumeSecret, "kind">): readonly Protector[];
  /** Those that it would be tried on as well, but only where `UnlockTerms.only` names them (LUKS2: priority "ignore"). */
  protectorsOnRequest(secret: Pick<VolumeSecret, "kind">): readonly Protector[];
  /**
   * Opens the volume and verifies the volume key.
   *
   * @throws {LockstepError} SECRET_REJECTED: it opens no protector that it fits, or there is none that it fits ·
   *   HEADER_CORRUPT: what it needs is damaged · VOLUME_UNSUPPORTED: nothing here reads it, or none of the protectors that
   *   the secret fits, and why · KDF_TOO_COSTLY: all that would be left to try · SECRET_INVALID: no secret of its kind
   *   (check digits, a file's format) · CANCELLED
   */
  unlock(secret: VolumeSecret, terms: UnlockTerms, signal: AbortSignal): Promise<UnlockedVolume>;
  /**
   * How the plaintext is made from the volume.
   *
   * @param dataBytes  size of the volume's place, or of the data device that belongs to a detached header
   * @throws {LockstepError} VOLUME_UNSUPPORTED, HEADER_CORRUPT: it does not fit
   */
  mapping(dataBytes: number): Mapping;
}
