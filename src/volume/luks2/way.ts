import { createHash } from "node:crypto";

import { isLockstepError } from "#errors/errors.ts";
import { costOf } from "#volume/header/kdf-cost.ts";
import type { KdfCost } from "#volume/header/kdf.ts";
import type { Protector } from "#volume/header/volume.ts";
import type { Obstacle } from "#volume/luks/obstacle.ts";
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

/** A keyslot as a protector, and as a way in. */
export type Luks2KeyslotFound = {
  readonly protector: Protector;
  /** null: no secret can be tried on it, and `obstacle` says why. */
  readonly way: Luks2Way | null;
  readonly obstacle: Obstacle | null;
};

/** What a keyslot of a volume that is read by a plan can do. */
export function keyslotFound(metadata: Luks2Metadata, plan: Luks2Plan, material: Luks2Material): Luks2KeyslotFound {
  const { keyslot } = material;
  const base = {
    id: `keyslot ${keyslot.number}`,
    kind: keyslot.content.kind === "volume key" ? ("passphrase" as const) : ("unknown" as const),
    label: null,
    fingerprint: luks2Fingerprint(metadata, material),
  };
  const found = openingFound(metadata, plan, material);
  if ("why" in found) return { protector: { ...base, cost: null, unusable: found.why }, way: null, obstacle: found };
  const { opening, digest } = found;
  const own = costOf(opening.kdf);
  const cost = { ...own, seconds: own.seconds + costOf(verifierOf(digest).kdf).seconds };
  const protector = { ...base, cost, unusable: null };
  return { protector, way: { ...material, protector, opening, digest }, obstacle: null };
}

function openingFound(
  metadata: Luks2Metadata,
  plan: Luks2Plan,
  { keyslot, sha256: hash }: Luks2Material,
): Pick<Luks2Way, "opening" | "digest"> | Obstacle {
  if (plan.unreadable !== null) return { code: "VOLUME_UNSUPPORTED", why: plan.unreadable };
  const opening = openingOf(keyslot);
  if ("why" in opening) return opening;
  const digest = metadata.digests.find(({ keyslots }) => keyslots.includes(keyslot.number));
  if (digest === undefined || !plan.keys.includes(digest)) {
    return { code: "SECRET_REJECTED", why: "it holds a key that belongs to no segment of the volume" };
  }
  if (hash === null) return { code: "HEADER_CORRUPT", why: "its key material cannot be read" };
  const fault = digestFault(digest);
  if (fault === null) return { opening, digest };
  const code = fault.code === "VOLUME_UNSUPPORTED" ? "VOLUME_UNSUPPORTED" : "HEADER_CORRUPT";
  return { code, why: `the key in it cannot be verified: ${fault.message}` };
}
