import { combine, split } from "shamir-secret-sharing";

import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { KIT_SECRET_BYTES, kitSetId } from "#keys/kit/kit-secret.ts";
import { PART_BYTES } from "#keys/kit/kit-share.ts";
import type { Share } from "#keys/kit/kit-share.ts";

/** The most shares that a secret is split into. */
const SHARES_LIMIT = 255;

/**
 * Splits a kit's secret into shares, of which any `threshold` give it back and fewer say nothing of it (Shamir's scheme over
 * GF(2^8)). With a threshold of 1, each share is the secret.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: no such numbers
 */
export async function splitKit(
  secret: Secret,
  { threshold, shares }: { readonly threshold: number; readonly shares: number },
): Promise<readonly Share[]> {
  const possible = Number.isInteger(threshold) && Number.isInteger(shares) && threshold >= 1 && shares >= threshold;
  if (!possible || shares > SHARES_LIMIT) {
    throw new LockstepError("ARGUMENT_INVALID", `making a kit: ${threshold} of ${shares} shares cannot be`, {
      hint: `Name 1 to ${SHARES_LIMIT} custodians, and a threshold that is no more than they are.`,
    });
  }
  const setId = kitSetId(secret);
  const parts = threshold === 1 ? wholes(secret, shares) : await split(secret.bytes, shares, threshold);
  return parts.map((part, at) => ({ setId, threshold, index: at + 1, part: new Secret(part) }));
}

/**
 * Gives back the secret of which these are shares.
 *
 * @throws {LockstepError} KIT_REJECTED: too few, one of them twice, of several sets, or they do not fit together, in words
 */
export async function combineShares(shares: readonly Share[]): Promise<Secret> {
  const [first] = shares;
  if (first === undefined) throw rejected("there is no share", "Type those of the kit's pages.");
  const { setId, threshold } = first;
  const other = shares.find((share) => share.setId !== setId || share.threshold !== threshold);
  if (other !== undefined) {
    throw rejected(
      `they are of several sets: ${setId} and ${other.setId}`,
      "Pages of an older kit do not go with those of a newer one.",
    );
  }
  const twice = shares.find(({ index }, at) => shares.findIndex((share) => share.index === index) !== at);
  if (twice !== undefined) throw rejected(`share ${twice.index} is there twice`, "Each custodian has another share.");
  if (shares.length < threshold) {
    throw rejected(
      `the set ${setId} needs ${threshold} shares, and there ${shares.length === 1 ? "is 1" : `are ${shares.length}`}`,
      "Ask the other custodians for theirs.",
    );
  }
  const used = shares.slice(0, threshold).map(({ part }) => part.bytes);
  const misfit = rejected(
    `the shares of the set ${setId} do not fit together`,
    "One of them was not made by Lockstep.",
  );
  if (threshold > 1 && new Set(used.map((part) => part.at(-1))).size < used.length) throw misfit;
  const bytes = threshold === 1 ? first.part.bytes.slice(0, KIT_SECRET_BYTES) : await combine(used);
  const secret = new Secret(bytes);
  if (kitSetId(secret) === setId) return secret;
  secret.wipe();
  throw misfit;
}

function wholes(secret: Secret, shares: number): Uint8Array[] {
  return Array.from({ length: shares }, () => {
    const part = new Uint8Array(PART_BYTES);
    part.set(secret.bytes);
    return part;
  });
}

function rejected(why: string, hint: string): LockstepError {
  return new LockstepError("KIT_REJECTED", `combining the kit's shares: ${why}`, { hint });
}
