import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { sha256 } from "#crypto/derive.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";
import { costOf, refuseCost } from "#volume/header/kdf-cost.ts";
import { isVolumeKey, openKeyslotArea } from "#volume/luks/luks-keyslot.ts";
import { sealedBytes } from "#volume/luks2/conversion.ts";
import type { Luks2Conversion } from "#volume/luks2/conversion.ts";
import { verifierOf } from "#volume/luks2/digest.ts";
import { LUKS2_STRIPES, materialBytes } from "#volume/luks2/keyslot.ts";
import type { Luks2Digest } from "#volume/luks2/metadata.ts";
import type { Luks2Way } from "#volume/luks2/way.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** A key that a digest verified, and the keyslot that it was in. */
export type FoundKey = { readonly digest: Luks2Digest; readonly key: Secret; readonly way: Luks2Way | null };

/**
 * Tries a secret on keyslots in turn, until it opened one for each key that is needed.
 *
 * @param ways    in the order in which they are tried
 * @param wanted  the digests of the keys
 * @returns       parallel to `wanted`; the caller wipes the keys
 * @throws {LockstepError} SECRET_REJECTED: it opens none, or not one for each · KDF_TOO_COSTLY: it opens none of those that
 *   are cheap enough · HEADER_CORRUPT: key material is not what it was when the header was read · KDF_FAILED, CANCELLED
 */
export async function tryKeyslots(
  source: VolumeSource,
  ways: readonly Luks2Way[],
  wanted: readonly Luks2Digest[],
  secret: Secret,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<readonly FoundKey[]> {
  const found = new Map<Luks2Digest, FoundKey>();
  using undo = new DisposableStack();
  let tooCostly: LockstepError | null = null;
  for (const way of ways) {
    throwIfCancelled(signal);
    if (found.has(way.digest) || !wanted.includes(way.digest)) continue;
    const refusal = costRefusal(way, terms);
    tooCostly ??= refusal;
    if (refusal !== null) continue;
    const key = await openKeyslot(source, way, secret, terms, signal);
    if (key === null) continue;
    undo.use(key);
    found.set(way.digest, { digest: way.digest, key, way });
    if (found.size === wanted.length) {
      undo.move();
      return wanted.flatMap((digest) => found.get(digest) ?? []);
    }
  }
  if (tooCostly !== null) throw tooCostly;
  throw rejected(ways, [...found.values()]);
}

/**
 * Verifies a volume key that somebody kept.
 *
 * @returns  a copy, which the caller wipes
 * @throws {LockstepError} SECRET_REJECTED: it is not this volume's, or the volume takes two · KDF_TOO_COSTLY, KDF_FAILED,
 *   CANCELLED
 */
export async function verifiedVolumeKey(
  wanted: readonly Luks2Digest[],
  key: Secret,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<readonly FoundKey[]> {
  const [digest] = wanted;
  if (digest === undefined || wanted.length > 1) {
    const found = `it takes ${wanted.length} keys while it is converted, not one`;
    throw new LockstepError("SECRET_REJECTED", `Opening a LUKS2 volume with its volume key: ${found}.`);
  }
  const verifier = verifierOf(digest);
  refuseCost(costOf(verifier.kdf), terms.limit, `LUKS2 header: digest ${digest.number}`);
  if (await isVolumeKey(key, verifier, terms.kdf, signal)) {
    return [{ digest, key: new Secret(key.bytes.slice()), way: null }];
  }
  throw new LockstepError(
    "SECRET_REJECTED",
    "Opening a LUKS2 volume with its volume key: the header's digest is of another key.",
  );
}

/**
 * Verifies that a conversion was noted by somebody who had the volume keys.
 *
 * @param keys  those of `conversionDigests`, in that order
 * @throws {LockstepError} HEADER_CORRUPT: it was not: the header is forged · KDF_TOO_COSTLY, KDF_FAILED, CANCELLED
 * @see CVE-2021-4122
 */
export async function verifySeal(
  conversion: Luks2Conversion,
  keys: readonly FoundKey[],
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<void> {
  const verifier = verifierOf(conversion.seal);
  refuseCost(costOf(verifier.kdf), terms.limit, `LUKS2 header: digest ${conversion.seal.number}`);
  using sealed = sealedBytes(
    conversion,
    keys.map(({ key }) => key),
  );
  if (sealed !== null && (await isVolumeKey(sealed, verifier, terms.kdf, signal))) return;
  const found = `it notes a conversion (${conversion.content.mode}) that nobody with the volume keys noted`;
  throw new LockstepError("HEADER_CORRUPT", `LUKS2 header: digests.${conversion.seal.number}: ${found}`, {
    hint: "Somebody without a key may have changed the header, to have the volume decrypted. Use a header that was kept apart.",
  });
}

function costRefusal({ protector }: Luks2Way, { limit }: UnlockTerms): LockstepError | null {
  try {
    refuseCost(protector.cost, limit, `LUKS2 header: ${protector.id}`);
    return null;
  } catch (error) {
    if (isLockstepError(error, "KDF_TOO_COSTLY")) return error;
    throw error;
  }
}

/** @returns null: the secret is not that of this keyslot */
async function openKeyslot(
  source: VolumeSource,
  { keyslot, sha256: expected, opening, digest }: Luks2Way,
  secret: Secret,
  { kdf }: UnlockTerms,
  signal: AbortSignal,
): Promise<Secret | null> {
  const area = await source.read(Number(keyslot.area.offsetBytes), materialBytes(keyslot), signal);
  // A verdict names the fingerprint, so what is opened now has to be what was fingerprinted then.
  if (expected === null || !equalBytes(sha256(area), expected)) {
    const found = "its key material is not what it was when the header was read";
    throw new LockstepError("HEADER_CORRUPT", `LUKS2 header: keyslots.${keyslot.number}: ${found}`);
  }
  const candidate = await openKeyslotArea({ ...opening, area, stripes: LUKS2_STRIPES }, secret, kdf, signal);
  using undo = new DisposableStack();
  undo.use(candidate);
  if (!(await isVolumeKey(candidate, verifierOf(digest), kdf, signal))) return null;
  undo.move();
  return candidate;
}

function rejected(ways: readonly Luks2Way[], opened: readonly FoundKey[]): LockstepError {
  const what = "Opening a LUKS2 volume";
  const ids = ways.map(({ protector }) => protector.id).join(", ");
  const [first] = opened;
  if (first === undefined) return new LockstepError("SECRET_REJECTED", `${what}: the secret does not open ${ids}.`);
  const found = `the secret opens ${first.way?.protector.id ?? "one"}, but no keyslot of the volume's other key`;
  return new LockstepError("SECRET_REJECTED", `${what} that is being converted: ${found}.`);
}
