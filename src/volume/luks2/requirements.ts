import { visibleText } from "#volume/source/visible-text.ts";

/** Versions of the requirement that says that a conversion is under way. */
const CONVERSIONS: Readonly<Record<string, number>> = {
  "online-reencrypt": 1,
  "online-reencrypt-v2": 2,
  "online-reencrypt-v3": 3,
};

/** Requirements that are known, and why such a volume is not read here. */
const NOT_READ: Readonly<Record<string, string>> = {
  "offline-reencrypt": "an offline re-encryption of an old kind has begun; only its log file says how far it came",
  "inline-hw-tags": "its integrity tags lie in the drive's own metadata",
  opal: "a self-encrypting drive (OPAL) encrypts it",
};

/** True for the names that cryptsetup keeps for versions of it, known or not. */
export function isConversionRequirement(requirement: string): boolean {
  return /^online-reencrypt(?:-v[0-9]+)?$/.test(requirement);
}

/** Which version of a conversion is under way by the mandatory requirements; null when none is, or one that is not known. */
export function conversionVersion(requirements: readonly string[]): number | null {
  for (const requirement of requirements) {
    const version = Object.hasOwn(CONVERSIONS, requirement) ? CONVERSIONS[requirement] : undefined;
    if (version !== undefined) return version;
  }
  return null;
}

/** Why a volume with these mandatory requirements is not read here; null when it is. */
export function unmetRequirement(requirements: readonly string[]): string | null {
  for (const requirement of requirements) {
    if (Object.hasOwn(CONVERSIONS, requirement)) continue;
    const why = Object.hasOwn(NOT_READ, requirement) ? NOT_READ[requirement] : undefined;
    return why ?? `its header asks for ${visibleText(requirement.slice(0, 80))}, which is not known here`;
  }
  return null;
}
