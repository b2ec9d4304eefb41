import { Secret } from "#bytes/secret.ts";
import { equalSecret, sha256 } from "#crypto/derive.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { parseStartupKey } from "#volume/bitlocker/bek.ts";
import { volumeKeyOf } from "#volume/bitlocker/cipher.ts";
import type { BitlockerCipher } from "#volume/bitlocker/cipher.ts";
import type { MetadataCopy } from "#volume/bitlocker/copies.ts";
import { passwordHash } from "#volume/bitlocker/password.ts";
import { isForeign } from "#volume/bitlocker/protectors.ts";
import type { BitlockerProtector } from "#volume/bitlocker/protectors.ts";
import { recoveryPasswordHash } from "#volume/bitlocker/recovery-password.ts";
import { openSealed, sealedKey } from "#volume/bitlocker/sealed.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";
import { costOf, refuseCost } from "#volume/header/kdf-cost.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { Protector } from "#volume/header/volume.ts";

/** A volume as far as an unlock needs it. */
export type BitlockerLock = {
  /** The one to go by, and those that may stand in for it (`interchangeable`): one of them has to have a right MAC. */
  readonly copies: readonly [MetadataCopy, ...MetadataCopy[]];
  readonly cipher: BitlockerCipher;
  readonly protectors: readonly BitlockerProtector[];
};

/** Windows lets a volume have few of a kind; a header may have been made to keep us busy. */
const TRIES_LIMIT = 32;

/** The protectors' kind that a secret opens; null for a volume key. */
export function kindFor({ kind }: Pick<VolumeSecret, "kind">): Protector["kind"] | null {
  switch (kind) {
    case "passphrase":
      return "password";
    case "recovery-password":
      return "recovery-password";
    case "startup-key":
      return "startup-key";
    case "none":
      return "clear-key";
    case "key-file":
    case "volume-key":
      return null;
    default:
      return kind satisfies never;
  }
}

/**
 * Tries a secret on the protectors that it fits, in the header's order, and verifies the metadata by its MAC.
 *
 * @returns the volume key, and the protector that the secret opened
 * @throws {LockstepError} as `EncryptedHeader.unlock` does
 */
export async function openBitlocker(
  lock: BitlockerLock,
  secret: Exclude<VolumeSecret, { kind: "volume-key" }>,
  terms: UnlockTerms,
  signal: AbortSignal,
): Promise<{ readonly protector: Protector; readonly volumeKey: Secret }> {
  const { kind } = secret;
  // Check digits and file formats come first: they cost nothing, and say more than a rejection.
  using tried = prepare(secret);
  const foreign = lock.protectors.find(({ facts }) => isForeign(facts) && facts.id === (terms.only ?? tried.guid));
  if (foreign !== undefined) {
    const why = `protector ${foreign.facts.id}: ${foreign.facts.unusable ?? "unknown"}`;
    throw new LockstepError("VOLUME_UNSUPPORTED", `Opening a BitLocker volume: ${why}.`);
  }
  const wanted = lock.protectors.filter(({ facts }) => {
    return facts.kind === kindFor(secret) && (terms.only === null || facts.id === terms.only);
  });
  if (wanted.length === 0) throw rejected(noneFits(kind, terms.only));
  const fitting = wanted.filter(({ facts }) => tried.guid === null || facts.id === tried.guid);
  if (fitting.length === 0) {
    throw rejected(`the startup key is for the protector ${tried.guid}, which this volume does not have`);
  }
  if (fitting.length > TRIES_LIMIT) throw tooMany(kind, fitting.length);

  let doubt: LockstepError | null = null;
  for (const protector of fitting) {
    throwIfCancelled(signal);
    const opened = await openVmk(protector, tried.key, terms, signal);
    if (opened instanceof Secret) {
      using vmk = opened;
      return { protector: protector.facts, volumeKey: openVolumeKey(lock, vmk) };
    }
    doubt ??= opened;
  }
  throw doubt ?? rejected(opensNone(kind, fitting.length));
}

/** What is tried on the protectors: the bytes to stretch, or a key. */
type Tried = Disposable & {
  /** null for a clear key, which lies in the protector. */
  readonly key: Secret | null;
  /** The only protector that it can be for; null: any. */
  readonly guid: string | null;
};

function prepare(secret: Exclude<VolumeSecret, { kind: "volume-key" }>): Tried {
  const tried = (key: Secret | null, guid: string | null): Tried => {
    return { key, guid, [Symbol.dispose]: () => key?.wipe() };
  };
  switch (secret.kind) {
    case "passphrase":
      return tried(passwordHash(secret.secret), null);
    case "recovery-password":
      return tried(recoveryPasswordHash(secret.secret), null);
    case "startup-key": {
      const { key, protector } = parseStartupKey(secret.secret);
      return tried(key, protector);
    }
    case "key-file":
    case "none":
      return tried(null, null);
    default:
      return secret satisfies never;
  }
}

/**
 * The volume's master key; null when the secret does not open this protector; an error when that cannot be told, since the
 * protector is damaged or costs too much: the others may still open.
 */
async function openVmk(
  { facts, vmk, stretch, clearKey, damage, isPbkdf2 }: BitlockerProtector,
  tried: Secret | null,
  { kdf, limit }: UnlockTerms,
  signal: AbortSignal,
): Promise<Secret | LockstepError | null> {
  const what = `BitLocker protector ${facts.id}`;
  const damaged = (found: string): LockstepError => new LockstepError("HEADER_CORRUPT", `${what}: ${found}`);
  if (damage !== null) return damaged(damage);
  if (vmk === null) return damaged("its entry has no sealed key");
  if (facts.kind === "clear-key") {
    using key = new Secret(Uint8Array.from(clearKey ?? []));
    return openMasterKey(vmk, key, what) ?? damaged("its clear key does not open what it seals");
  }
  if (tried === null) return null;
  if (facts.kind === "startup-key") return openMasterKey(vmk, tried, what);
  if (stretch === null) return damaged("its entry has no salt");
  try {
    refuseCost(costOf(stretch), limit, what);
  } catch (error) {
    if (isLockstepError(error, "KDF_TOO_COSTLY")) return error;
    throw error;
  }
  using key = await kdf.derive(stretch, tried, signal);
  const opened = openMasterKey(vmk, key, what);
  if (opened !== null || !isPbkdf2) return opened;
  const why = "it does not open in the usual way, and says that it takes PBKDF2, which is not read here";
  return new LockstepError("VOLUME_UNSUPPORTED", `${what}: ${why}`);
}

function openMasterKey(sealed: Parameters<typeof openSealed>[0], key: Secret, what: string): Secret | null {
  using opened = openSealed(sealed, key);
  if (opened === null) return null;
  const { key: vmk } = sealedKey(opened, what);
  if (vmk.bytes.length === 32) return vmk;
  vmk.wipe();
  throw corrupt(`${what}: its master key has not 32 bytes`);
}

function openVolumeKey({ copies, cipher }: BitlockerLock, vmk: Secret): Secret {
  const faults = copies.map((copy) => macFault(copy, vmk));
  const [fault] = faults;
  if (typeof fault === "string" && !faults.includes(null)) throw corrupt(fault);
  const { fvek } = copies[0].metadata;
  if (fvek === null) throw corrupt("the metadata has no volume key");
  using opened = openSealed(fvek, vmk);
  if (opened === null) throw corrupt("the master key does not open the volume key");
  using sealed = sealedKey(opened, "BitLocker volume key").key;
  const volumeKey = volumeKeyOf(cipher, sealed.bytes);
  if (volumeKey === null)
    throw corrupt(`the volume key has ${sealed.bytes.length} bytes instead of ${cipher.sealedBytes}`);
  return new Secret(volumeKey);
}

/**
 * Why a copy is not what somebody wrote who has the master key: its SHA-256 is sealed with that key. Null where it is.
 *
 * Windows Vista may do without.
 */
function macFault({ block, validation, number, metadata }: MetadataCopy, vmk: Secret): string | null {
  if (validation.hash === null) return metadata.head.version === 1 ? null : `metadata copy ${number} has no MAC`;
  using opened = openSealed(validation.hash, vmk);
  if (opened === null) return `the MAC of metadata copy ${number} is not one that the volume's master key made`;
  using hash = sealedKey(opened, "BitLocker metadata's MAC").key;
  if (equalSecret(hash.bytes, sha256(block))) return null;
  return `metadata copy ${number} was changed by somebody who does not have the volume's master key`;
}

function noneFits(kind: VolumeSecret["kind"], only: string | null): string {
  const which = only === null ? "no protector" : `no protector ${only}`;
  return kind === "none" ? `there is ${which} with a clear key` : `there is ${which} that a ${words[kind]} could open`;
}

function opensNone(kind: VolumeSecret["kind"], count: number): string {
  return `the ${words[kind]} ${count === 1 ? "does not open the one protector" : `opens none of the ${count} protectors`} of its kind`;
}

const words: Readonly<Record<VolumeSecret["kind"], string>> = {
  passphrase: "password",
  "key-file": "key file",
  "recovery-password": "recovery password",
  "startup-key": "startup key",
  "volume-key": "volume key",
  none: "clear key",
};

function tooMany(kind: VolumeSecret["kind"], count: number): LockstepError {
  const what = `there are ${count} protectors that a ${words[kind]} could open, and at most ${TRIES_LIMIT} are tried`;
  return new LockstepError("KDF_TOO_COSTLY", `Opening a BitLocker volume: ${what}.`, {
    hint: "Name the one that it is for, by its GUID.",
  });
}

function rejected(found: string): LockstepError {
  return new LockstepError("SECRET_REJECTED", `Opening a BitLocker volume: ${found}.`);
}

function corrupt(found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `Opening a BitLocker volume: ${found}.`);
}
