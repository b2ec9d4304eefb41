import { createHash } from "node:crypto";

import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import { costOf } from "#volume/header/kdf-cost.ts";
import type { KdfCost } from "#volume/header/kdf.ts";
import type { Protector } from "#volume/header/volume.ts";
import { digestFault, verifierOf } from "#volume/luks2/digest.ts";
import { luks2Fingerprint } from "#volume/luks2/identity.ts";
import type { Luks2Material } from "#volume/luks2/identity.ts";
import { materialBytes, openingOf } from "#volume/luks2/keyslot.ts";
import type { Luks2Opening } from "#volume/luks2/keyslot.ts";
import type { Luks2Digest, Luks2Keyslot, Luks2Metadata } from "#volume/luks2/metadata.ts";
import type { Luks2Plan } from "#volume/luks2/plan.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** cryptsetup makes no more; further ones are passed over. */
export const MOST_KEYSLOTS = 32;

const PIECE_BYTES = 1024 * 1024;

/** A keyslot that a secret can be tried on. */
export type Luks2Way = Luks2Material & {
  readonly protector: Protector & { readonly cost: KdfCost };
  readonly opening: Luks2Opening;
  /** What the key in it is verified by. */
  readonly digest: Luks2Digest;
};

/** The keyslots that are ways into a volume, or would be: not the one that notes a conversion. */
export function wayKeyslots(metadata: Luks2Metadata): readonly Luks2Keyslot[] {
  return metadata.keyslots.filter(({ content }) => content.kind !== "conversion").slice(0, MOST_KEYSLOTS);
}

/** Reads key material piece by piece, and keeps only its hash. */
export async function readMaterialHash(
  source: VolumeSource,
  keyslot: Luks2Keyslot,
  signal: AbortSignal,
): Promise<Luks2Material> {
  const end = materialBytes(keyslot);
  const hash = createHash("sha256");
  try {
    for (let at = 0; at < end; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, end - at);
      hash.update(await source.read(Number(keyslot.area.offsetBytes) + at, length, signal));
    }
  } catch (error) {
    // One bad sector must not lock out the other keyslots.
    if (isLockstepError(error, "DISK_UNREADABLE")) return { keyslot, sha256: null };
    throw error;
  }
  return { keyslot, sha256: new Uint8Array(hash.digest()) };
}

/**
 * A keyslot as a protector, and as a way in.
 *
 * @returns  `way` null: no secret can be tried on it; why is in the protector
 */
export function protectorOf(
  metadata: Luks2Metadata,
  plan: Luks2Plan,
  material: Luks2Material,
): { protector: Protector; way: Luks2Way | null } {
  const { keyslot } = material;
  const digest = metadata.digests.find(({ keyslots }) => keyslots.includes(keyslot.number)) ?? null;
  const opening = openingOf(keyslot);
  const base = {
    id: `keyslot ${keyslot.number}`,
    kind: keyslot.content.kind === "volume key" ? ("passphrase" as const) : ("unknown" as const),
    label: null,
    fingerprint: luks2Fingerprint(metadata, material),
  };
  const unusable = plan.unreadable ?? whyUnusable(plan, material, digest, opening);
  if (unusable !== null || digest === null || typeof opening === "string") {
    return { protector: { ...base, cost: null, unusable }, way: null };
  }
  const own = costOf(opening.kdf);
  const cost = { ...own, seconds: own.seconds + costOf(verifierOf(digest).kdf).seconds };
  const protector = { ...base, cost, unusable: null };
  return { protector, way: { ...material, protector, opening, digest } };
}

function whyUnusable(
  plan: Luks2Plan,
  { sha256: hash }: Luks2Material,
  digest: Luks2Digest | null,
  opening: Luks2Opening | string,
): string | null {
  if (typeof opening === "string") return opening;
  if (digest === null || !plan.keys.includes(digest)) return "it holds a key that belongs to no segment of the volume";
  if (hash === null) return "its key material cannot be read";
  const fault: LockstepError | null = digestFault(digest);
  return fault === null ? null : `the key in it cannot be verified: ${fault.message}`;
}
