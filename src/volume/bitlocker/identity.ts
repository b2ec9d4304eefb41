import type { MetadataCopy } from "#volume/bitlocker/copies.ts";
import type { Metadata } from "#volume/bitlocker/metadata.ts";
import { identityHash } from "#volume/header/identity.ts";
import type { Place } from "#volume/source/source.ts";

/** What the volume identity covers besides the metadata. */
export type DecidedLayout = {
  readonly cipher: string;
  readonly sectorBytes: number;
  readonly areas: readonly Place[];
  readonly movedBoot: Place | null;
  /** Windows Vista's, which goes into its boot sector. */
  readonly mftMirror: bigint | null;
  readonly encryptedBytes: bigint | null;
};

/**
 * Changes when sectors decrypt in another way: not with protectors, label, or times.
 *
 * It has the volume key as it is sealed with the master key: that stays the same when protectors come, go or change, since
 * they only seal the master key. Should Windows seal the volume key anew, the identity changes though no sector does: a
 * doubt too many, never one too few.
 *
 * @see docs/format/identities.md, BitLocker
 */
export function bitlockerIdentity({ head, fvek }: Metadata, layout: DecidedLayout): string {
  return identityHash("lockstep v1 volume identity", [
    ["format", "bitlocker"],
    ["metadata version", head.version],
    ["guid", head.guid],
    ["cipher", layout.cipher],
    ["sector bytes", layout.sectorBytes],
    ...layout.areas.flatMap(({ offsetBytes, lengthBytes }) => [
      ["metadata offset", offsetBytes] as const,
      ["metadata bytes", lengthBytes] as const,
    ]),
    ["boot sectors offset", layout.movedBoot?.offsetBytes ?? null],
    ["boot sectors bytes", layout.movedBoot?.lengthBytes ?? null],
    ["mft mirror", layout.mftMirror],
    ["encrypted bytes", layout.encryptedBytes],
    ["sealed key nonce", fvek?.nonce ?? null],
    ["sealed key tag", fvek?.tag ?? null],
    ["sealed key", fvek?.ciphertext ?? null],
  ]);
}

/**
 * Changes when anything in the header does that is in use: the boot sector, and the copy of the metadata to go by. Where that
 * copy lies does not count: the copies are the same.
 *
 * @see docs/format/identities.md, BitLocker
 */
export function bitlockerHeaderDigest(bootSector: Uint8Array, { block, validation }: MetadataCopy): string {
  return identityHash("lockstep v1 header digest", [
    ["format", "bitlocker"],
    ["boot sector", bootSector],
    ["metadata", block],
    ["validation version", validation.version],
    ["sealed hash nonce", validation.hash?.nonce ?? null],
    ["sealed hash tag", validation.hash?.tag ?? null],
    ["sealed hash", validation.hash?.ciphertext ?? null],
  ]);
}
