import { Cursor } from "#bytes/cursor.ts";
import { isLockstepError } from "#errors/errors.ts";
import { entryType, keyOf, parseEntries, sealedOf, valueType } from "#volume/bitlocker/entries.ts";
import type { Entry, Sealed } from "#volume/bitlocker/entries.ts";
import { describeEntry } from "#volume/bitlocker/metadata.ts";
import { identityHash } from "#volume/header/identity.ts";
import { costOf } from "#volume/header/kdf-cost.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";
import type { Protector } from "#volume/header/volume.ts";
import { guidText } from "#volume/source/guid-text.ts";
import { visibleUtf16 } from "#volume/source/visible-text.ts";

/** A protector: how it is shown, and what it takes to open the volume's master key with it. */
export type BitlockerProtector = {
  readonly facts: Protector;
  /** The master key, sealed; null where there is none, or it is damaged. */
  readonly vmk: Sealed | null;
  /** What a password is stretched with; null where it is not stretched. */
  readonly stretch: KdfRequest | null;
  /** A view; null where there is none. */
  readonly clearKey: Uint8Array | null;
  /** Why its entry cannot be read, in words; null when it can. */
  readonly damage: string | null;
  /** It says that it stretches by another way than the usual one: should that fail, nothing shows that the secret is wrong. */
  readonly isPbkdf2: boolean;
  /** Properties that are not known here, in words. */
  readonly ignored: readonly string[];
};

/** Rounds of SHA-256; the format has no other number. */
const STRETCH_ROUNDS = 0x100000;

/**
 * The upper byte of the type has a bit each for TPM, startup key, PIN, recovery password, certificate and password. The lower
 * one orders protectors.
 *
 * @see libbde, "BDE format", section "Key protection types"; dislocker src/metadata/vmk.c for the lower byte
 */
const kinds: Readonly<Record<number, Protector["kind"]>> = {
  0x0000: "clear-key",
  0x0100: "tpm",
  0x0200: "startup-key",
  0x0300: "tpm-startup-key",
  0x0500: "tpm-pin",
  0x0700: "tpm-pin-startup-key",
  0x0800: "recovery-password",
  0x1000: "smart-card",
  0x2000: "password",
};

/** Whether a protector is a way in that no secret held here can be tried on. */
export function isForeign({ kind }: Protector): boolean {
  return kind.startsWith("tpm") || kind === "smart-card" || kind === "unknown";
}

/** A stretch key's flag for another way than the usual one; no volume has shown it. @see dissect.fve c_bde.py */
const PBKDF2 = 0x40;

/** Properties that do not define a protector: its name, the key that is not secret, and when and where it was saved. */
const passing: readonly number[] = [valueType.key, valueType.text, valueType.times, valueType.hint];
const known: readonly number[] = Object.values(valueType);

/**
 * Parses the entry of a protector. One that is damaged inside is shown as such, so that it does not hide the others.
 *
 * @throws {LockstepError} FIELD_CORRUPT: it is too short to say what it is
 * @see libbde, "BDE format", section "FVE Volume Master Key (VMK)"; docs/format/identities.md, BitLocker
 */
export function parseProtector(entry: Entry): BitlockerProtector {
  const at = new Cursor(entry.data, entry.where);
  const guid = guidText(at.bytes(16, "protector's GUID"));
  at.skip(8 + 2, "time of change");
  const protection = at.u16("protection type");
  const rest = at.bytes(at.left, "properties");
  const kind = kinds[protection & 0xff00] ?? "unknown";

  const read = readProperties(rest, `${entry.where} (protector ${guid})`);
  const { vmk, salt, clearKey, label } = read;
  const stretch: KdfRequest | null = salt === null ? null : { kind: "bitlocker", rounds: STRETCH_ROUNDS, salt };
  const missing = read.damage ?? whatIsMissing(kind, read);
  const unusable = whyForeign(kind, protection) ?? missing;
  const isStretched = kind === "password" || kind === "recovery-password";
  const fields = read.properties.filter(({ value }) => !passing.includes(value));
  const facts: Protector = {
    id: guid,
    kind,
    label,
    cost: unusable === null && isStretched && stretch !== null ? costOf(stretch) : null,
    fingerprint: identityHash("lockstep v1 protector fingerprint", [
      ["format", "bitlocker"],
      ["guid", guid],
      ["protection", protection],
      ...(read.damage === null
        ? fields.map(({ bytes }) => ["property", bytes] as const)
        : [["properties", rest] as const]),
    ]),
    unusable,
  };
  return { facts, vmk, stretch, clearKey, damage: missing, isPbkdf2: read.isPbkdf2, ignored: read.ignored };
}

type Properties = {
  readonly properties: readonly Entry[];
  readonly vmk: Sealed | null;
  readonly salt: Uint8Array | null;
  readonly isPbkdf2: boolean;
  readonly clearKey: Uint8Array | null;
  readonly label: string | null;
  readonly damage: string | null;
  readonly ignored: readonly string[];
};

function readProperties(bytes: Uint8Array, where: string): Properties {
  const found: { -readonly [Name in keyof Properties]: Properties[Name] } = {
    properties: [],
    vmk: null,
    salt: null,
    isPbkdf2: false,
    clearKey: null,
    label: null,
    damage: null,
    ignored: [],
  };
  try {
    found.properties = parseEntries(bytes, where);
    found.ignored = found.properties.filter(({ value }) => !known.includes(value)).map(describeEntry);
    // The first of a kind counts.
    const property = (value: number): Entry | undefined =>
      found.properties.find((entry) => entry.value === value && entry.type === entryType.property);
    const text = property(valueType.text);
    const stretch = property(valueType.stretchKey);
    const sealed = property(valueType.sealed);
    const clear = property(valueType.key);
    found.label = text === undefined ? null : visibleUtf16(text.data) || null;
    if (stretch !== undefined) Object.assign(found, stretchOf(stretch));
    if (sealed !== undefined) found.vmk = sealedOf(sealed);
    if (clear !== undefined) found.clearKey = keyOf(clear).key;
  } catch (error) {
    if (!isLockstepError(error, "FIELD_CORRUPT")) throw error;
    found.damage = error.message;
  }
  return found;
}

function stretchOf(entry: Entry): Pick<Properties, "salt" | "isPbkdf2"> {
  const at = new Cursor(entry.data, entry.where);
  at.skip(2, "method");
  const flags = at.u16("flags");
  return { salt: at.bytes(16, "salt"), isPbkdf2: (flags & PBKDF2) !== 0 };
}

function whatIsMissing(kind: Protector["kind"], { vmk, salt, clearKey }: Properties): string | null {
  if (vmk === null) return "its entry has no sealed key";
  if ((kind === "password" || kind === "recovery-password") && salt === null) return "its entry has no salt";
  if (kind === "clear-key" && clearKey?.length !== 32) return "its entry has no key of 32 bytes";
  return null;
}

function whyForeign(kind: Protector["kind"], protection: number): string | null {
  if (kind.startsWith("tpm")) return "it needs the TPM of the machine that it was made on";
  if (kind === "smart-card") return "it needs the private key of a certificate, on a smart card or a recovery agent's";
  return kind === "unknown" ? `protection type 0x${protection.toString(16).padStart(4, "0")} is not known here` : null;
}
