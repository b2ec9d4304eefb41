import { identityHash } from "#volume/header/identity.ts";
import { LUKS1_SECTOR_BYTES, LUKS1_STRIPES } from "#volume/luks1/luks1.ts";
import type { Luks1Header, Luks1Keyslot } from "#volume/luks1/luks1.ts";

/** A keyslot that is in use, and the SHA-256 of its key material as it is stored; null where that cannot be read. */
export type Luks1Material = { readonly keyslot: Luks1Keyslot; readonly sha256: Uint8Array | null };

/**
 * Changes when sectors decrypt in another way; does not change with keyslots or the UUID.
 *
 * @see docs/format/identities.md, LUKS1
 */
export function luks1Identity(header: Luks1Header): string {
  return identityHash("lockstep v1 volume identity", [
    ["format", "luks1"],
    ["cipher", cipherOf(header)],
    ["key bytes", header.keyBytes],
    ["sector bytes", LUKS1_SECTOR_BYTES],
    ["payload offset", header.payloadOffsetBytes],
    ...digestOf(header),
  ]);
}

/**
 * Changes exactly when this keyslot, or the volume key in it, does.
 *
 * @see docs/format/identities.md, LUKS1
 */
export function luks1Fingerprint(header: Luks1Header, { keyslot, sha256 }: Luks1Material): string {
  return identityHash("lockstep v1 protector fingerprint", [
    ["format", "luks1"],
    ["keyslot", keyslot.number],
    ["state", keyslot.stateValue],
    ["cipher", cipherOf(header)],
    ["key bytes", header.keyBytes],
    ["hash", header.hash.toLowerCase()],
    ["iterations", keyslot.iterations],
    ["salt", keyslot.salt],
    ["stripes", LUKS1_STRIPES],
    ["key material offset", keyslot.materialOffsetBytes],
    ["key material", sha256],
    ...digestOf(header),
  ]);
}

/**
 * Of the whole header: its 592 bytes as they are, and the key material of the keyslots in use.
 *
 * @see docs/format/identities.md, LUKS1
 */
export function luks1HeaderDigest(headerBytes: Uint8Array, materials: readonly Luks1Material[]): string {
  return identityHash("lockstep v1 header digest", [
    ["format", "luks1"],
    ["header", headerBytes],
    ...materials.map(({ keyslot, sha256 }) => [`keyslot ${keyslot.number}`, sha256] as const),
  ]);
}

function digestOf(header: Luks1Header): readonly (readonly [string, string | number | Uint8Array])[] {
  return [
    ["digest hash", header.hash.toLowerCase()],
    ["digest iterations", header.digestIterations],
    ["digest salt", header.digestSalt],
    ["digest", header.digest],
  ];
}

function cipherOf({ cipherName, cipherMode }: Luks1Header): string {
  return `${cipherName}-${cipherMode}`;
}
