import * as z from "zod";

import { base64, fromBase64, fromUtf8, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { isLockstepError } from "#errors/errors.ts";
import { copyKeys, parseCopyKey } from "#keys/copies/copy-format.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import type { Store } from "#store/contract.ts";

/** That a store began an epoch: who puts the claim first has it. docs/format/keystore-copy.md, "Claims". */
export type EpochClaim = {
  readonly store: string;
  readonly epoch: number;
  /** 32 random hex digits: two claims of one epoch differ in it. */
  readonly claim: string;
  /** RFC 3339. */
  readonly at: string;
};

/** The longest claim that is read. */
const LIMIT_BYTES = 4096;

const claimBody = z.object({
  format: z.literal("lockstep key-store epoch"),
  version: z.literal(1),
  store: z.string(),
  epoch: z.int().min(1),
  claim: z.string(),
  at: z.iso.datetime(),
});
const signedClaim = z.object({ signed: z.string(), signature: z.base64() });

/** The object of a claim. @param sign  makes the Ed25519 signature for the purpose "epoch" */
export function writeClaim(claim: EpochClaim, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const signed = JSON.stringify({ format: "lockstep key-store epoch", version: 1, ...claim });
  return utf8(`${JSON.stringify({ signed, signature: base64(sign(utf8(signed))) })}\n`);
}

/** A claim that the key signed; null for anything else. */
export function parseClaim(bytes: Uint8Array, signingKey: Uint8Array): EpochClaim | null {
  try {
    const { signed, signature } = signedClaim.parse(JSON.parse(fromUtf8(bytes)));
    if (!isSignedBy(signingKey, signedBytes("epoch", utf8(signed)), fromBase64(signature) ?? new Uint8Array()))
      return null;
    const { store, epoch, claim, at } = claimBody.parse(JSON.parse(signed));
    return { store, epoch, claim, at };
  } catch {
    return null;
  }
}

/** An epoch that a place has a claim of, and the claim, where it is one that the key signed. */
export type FoundClaim = { readonly epoch: number; readonly claim: EpochClaim | null };

/** The claims of a place, in the order of their epochs. @throws {LockstepError} what `list` and `get` throw */
export async function readClaims(place: Store, signingKey: Uint8Array, signal: AbortSignal): Promise<FoundClaim[]> {
  const found: FoundClaim[] = [];
  for await (const { key } of place.list(copyKeys.claimPrefix, {}, signal)) {
    const epoch = parseCopyKey(key)?.epoch;
    if (epoch === undefined) continue;
    const bytes = await readSmall(place, key, signal);
    const claim = bytes === null ? null : parseClaim(bytes, signingKey);
    found.push({ epoch, claim: claim?.epoch === epoch ? claim : null });
  }
  return found;
}

/** Null where it is gone, or longer than any claim. */
async function readSmall(place: Store, key: string, signal: AbortSignal): Promise<Uint8Array | null> {
  try {
    return await place.get(key, LIMIT_BYTES, signal);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_TOO_LARGE")) return null;
    throw error;
  }
}
