import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { sha256 } from "#crypto/derive.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";
import { costOf, refuseCost } from "#volume/header/kdf-cost.ts";
import type { KdfCost, KdfRequest } from "#volume/header/kdf.ts";
import type { Protector } from "#volume/header/volume.ts";
import { isVolumeKey, kdfHash, openKeyslotArea } from "#volume/luks/luks-keyslot.ts";
import type { VolumeKeyDigest } from "#volume/luks/luks-keyslot.ts";
import type { Luks1Material } from "#volume/luks1/identity.ts";
import { LUKS1_STRIPES } from "#volume/luks1/luks1.ts";
import type { Luks1Header, Luks1Keyslot } from "#volume/luks1/luks1.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** A keyslot that a secret can be tried on. */
export type Luks1Way = Luks1Material & { readonly protector: Protector & { readonly cost: KdfCost } };

/** What opening a LUKS1 volume takes. */
export type Luks1Lock = {
  readonly source: VolumeSource;
  readonly header: Luks1Header;
  /** null: a null cipher. */
  readonly cipher: SectorCipherSpec | null;
};

/**
 * Reads a keyslot's key material.
 *
 * @returns  as it is stored: encrypted
 * @throws {LockstepError} HEADER_CORRUPT: the source ends before it does · what the source throws
 */
async function readMaterial(
  source: VolumeSource,
  header: Luks1Header,
  keyslot: Luks1Keyslot,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { materialOffsetBytes: from } = keyslot;
  const end = from + header.materialBytes;
  if (end > source.sizeBytes) {
    const found = `the key material of keyslot ${keyslot.number} ends at byte ${end}, the volume at ${source.sizeBytes}`;
    throw new LockstepError("HEADER_CORRUPT", `LUKS1 header: ${found}`);
  }
  return source.read(from, header.materialBytes, signal);
}

/**
 * Reads a keyslot's key material, and keeps only its hash.
 *
 * @throws {LockstepError} as `readMaterial` does, but for DISK_UNREADABLE
 */
export async function readMaterialHash(
  source: VolumeSource,
  header: Luks1Header,
  keyslot: Luks1Keyslot,
  signal: AbortSignal,
): Promise<Luks1Material> {
  try {
    return { keyslot, sha256: sha256(await readMaterial(source, header, keyslot, signal)) };
  } catch (error) {
    // One bad sector must not lock out the other keyslots.
    if (isLockstepError(error, "DISK_UNREADABLE")) return { keyslot, sha256: null };
    throw error;
  }
}

/** What trying one secret on a keyslot costs: its own derivation, and that of the digest, which shows whether it fits. */
export function keyslotCost(header: Luks1Header, keyslot: Luks1Keyslot): KdfCost {
  const own = costOf(keyslotKdf(header, keyslot));
  const verifying = costOf(digestKdf(header));
  return { ...own, iterations: own.iterations + verifying.iterations, seconds: own.seconds + verifying.seconds };
}

/**
 * Tries a secret on keyslots in turn.
 *
 * @param ways  the cheapest first
 * @returns     the keyslot that it opens, and the volume key, which the caller wipes
 * @throws {LockstepError} SECRET_REJECTED: it opens none · KDF_TOO_COSTLY: it opens none of those that are cheap enough ·
 *   HEADER_CORRUPT: key material is not what it was when the header was read · KDF_FAILED, CANCELLED
 */
export async function tryKeyslots(
  lock: Luks1Lock,
  ways: readonly Luks1Way[],
  secret: Secret,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<{ way: Luks1Way; volumeKey: Secret }> {
  let tooCostly: LockstepError | null = null;
  for (const way of ways) {
    throwIfCancelled(signal);
    tooCostly ??= costRefusal(way, terms);
    if (tooCostly !== null) break; // those that follow cost no less
    using candidate = await openKeyslot(lock, way, secret, terms, signal);
    if (await isVolumeKey(candidate, volumeKeyDigest(lock.header), terms.kdf, signal)) {
      return { way, volumeKey: new Secret(candidate.bytes.slice()) };
    }
  }
  if (tooCostly !== null) throw tooCostly;
  const found = `the secret does not open ${named(ways)}${doubtOf(lock.header)}`;
  throw new LockstepError("SECRET_REJECTED", `Opening a LUKS1 volume: ${found}.`);
}

/**
 * Verifies a volume key that somebody kept.
 *
 * @returns  a copy, which the caller wipes
 * @throws {LockstepError} SECRET_INVALID: another length than this volume's · SECRET_REJECTED: it is not this volume's ·
 *   KDF_TOO_COSTLY, KDF_FAILED, CANCELLED
 */
export async function verifiedVolumeKey(
  header: Luks1Header,
  key: Secret,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<Secret> {
  if (key.bytes.length !== header.keyBytes) {
    const found = `it has ${key.bytes.length} bytes, this volume's has ${header.keyBytes}`;
    throw new LockstepError("SECRET_INVALID", `Opening a LUKS1 volume with its volume key: ${found}.`);
  }
  const expected = volumeKeyDigest(header);
  refuseCost(costOf(expected.kdf), terms.limit, "LUKS1 header: digest of the volume key");
  if (await isVolumeKey(key, expected, terms.kdf, signal)) return new Secret(key.bytes.slice());
  throw new LockstepError(
    "SECRET_REJECTED",
    "Opening a LUKS1 volume with its volume key: the header's digest is of another key.",
  );
}

async function openKeyslot(
  { source, header, cipher }: Luks1Lock,
  { keyslot, sha256: expected }: Luks1Way,
  secret: Secret,
  { kdf }: UnlockTerms,
  signal: AbortSignal,
): Promise<Secret> {
  const area = await readMaterial(source, header, keyslot, signal);
  // A verdict names the fingerprint, so what is opened now has to be what was fingerprinted then.
  if (expected === null || !equalBytes(sha256(area), expected)) {
    const found = `the key material of keyslot ${keyslot.number} is not what it was when the header was read`;
    throw new LockstepError("HEADER_CORRUPT", `LUKS1 header: ${found}`, { hint: "Read the volume again." });
  }
  const slot = {
    kdf: keyslotKdf(header, keyslot),
    area,
    areaCipher: cipher,
    keyBytes: header.keyBytes,
    stripes: LUKS1_STRIPES,
    afHash: header.hash,
  };
  return openKeyslotArea(slot, secret, kdf, signal);
}

function costRefusal({ protector }: Luks1Way, { limit }: UnlockTerms): LockstepError | null {
  try {
    refuseCost(protector.cost, limit, `LUKS1 header: ${protector.id}`);
    return null;
  } catch (error) {
    if (isLockstepError(error, "KDF_TOO_COSTLY")) return error;
    throw error;
  }
}

function keyslotKdf(header: Luks1Header, { iterations, salt }: Luks1Keyslot): KdfRequest {
  return { kind: "pbkdf2", hash: kdfHash(header.hash), iterations, salt, keyBytes: header.keyBytes };
}

function digestKdf(header: Luks1Header): KdfRequest {
  const { digestIterations: iterations, digestSalt: salt, digest } = header;
  return { kind: "pbkdf2", hash: kdfHash(header.hash), iterations, salt, keyBytes: digest.length };
}

function volumeKeyDigest(header: Luks1Header): VolumeKeyDigest {
  return { kdf: digestKdf(header), digest: header.digest };
}

/** Headers do not tell whirlpool from the wrong one. @see cryptsetup FAQ, section 8.3 */
function doubtOf({ hash }: Luks1Header): string {
  if (hash.toLowerCase() !== "whirlpool") return "";
  return "; or it was made with libgcrypt before 1.6, whose whirlpool was wrong, which is not read here";
}

function named(ways: readonly Luks1Way[]): string {
  return ways.map(({ protector }) => protector.id).join(", ");
}
