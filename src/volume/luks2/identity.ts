import { identityHash } from "#volume/header/identity.ts";
import type { IdentityFields } from "#volume/header/identity.ts";
import { conversionOf } from "#volume/luks2/conversion.ts";
import type { Luks2Stored } from "#volume/luks2/copies.ts";
import { canonicalJson } from "#volume/luks2/json.ts";
import { digestsOf } from "#volume/luks2/metadata.ts";
import type { Luks2Digest, Luks2Kdf, Luks2Keyslot, Luks2Metadata, Luks2Segment } from "#volume/luks2/metadata.ts";

/** A keyslot, and the SHA-256 of its key material as it is stored; null where that cannot be read. */
export type Luks2Material = { readonly keyslot: Luks2Keyslot; readonly sha256: Uint8Array | null };

/**
 * Changes when sectors decrypt in another way: not with keyslots, tokens, labels or the UUID. It does change with each step of
 * a conversion, since then other sectors decrypt in another way.
 *
 * @see docs/format/identities.md, LUKS2
 */
export function luks2Identity(metadata: Luks2Metadata): string {
  const conversion = conversionOf(metadata);
  const digests = new Map(metadata.digests.map((digest) => [digest, digestFields(digest)]));
  return identityHash("lockstep v1 volume identity", [
    ["format", "luks2"],
    ...metadata.config.requirements.toSorted().map((requirement) => ["requirement", requirement] as const),
    ...metadata.segments.flatMap((segment) => [
      ...segmentFields(segment),
      ...digestsOf(metadata, segment).flatMap((digest) => digests.get(digest) ?? []),
    ]),
    ...(conversion === null || typeof conversion === "string" ? [] : conversionFields(conversion.keyslot)),
  ]);
}

/**
 * Changes exactly when this keyslot, or the digest of the key in it, does; not with its priority.
 *
 * @see docs/format/identities.md, LUKS2
 */
export function luks2Fingerprint(metadata: Luks2Metadata, { keyslot, sha256 }: Luks2Material): string {
  return identityHash("lockstep v1 protector fingerprint", [
    ["format", "luks2"],
    ["keyslot", keyslot.number],
    ["type", keyslot.type],
    ["key bytes", keyslot.keyBytes],
    ...contentFields(keyslot),
    ["key material offset", keyslot.area.offsetBytes],
    ["key material", sha256],
    ...metadata.digests.filter(({ keyslots }) => keyslots.includes(keyslot.number)).flatMap(digestFields),
  ]);
}

/**
 * Of the whole header: the places of both its copies as they are, and the key material of all keyslots.
 *
 * @see docs/format/identities.md, LUKS2
 */
export function luks2HeaderDigest({ copyHashes }: Luks2Stored, materials: readonly Luks2Material[]): string {
  return identityHash("lockstep v1 header digest", [
    ["format", "luks2"],
    ["primary header", copyHashes.primary],
    ["secondary header", copyHashes.secondary],
    ...materials.map(({ keyslot, sha256 }) => [`keyslot ${keyslot.number}`, sha256] as const),
  ]);
}

function segmentFields({ number, type, offsetBytes, lengthBytes, flags, crypt }: Luks2Segment): IdentityFields {
  return [
    ["segment", number],
    ["type", type],
    ["offset", offsetBytes],
    ["size", lengthBytes],
    ...flags.toSorted().map((flag) => ["flag", flag] as const),
    ["cipher", crypt?.cipher ?? null],
    ["sector bytes", crypt?.sectorBytes ?? null],
    ["iv tweak", crypt?.ivTweak ?? null],
    ["integrity", crypt?.integrity ?? null],
  ];
}

function conversionFields({ area, content }: Luks2Keyslot): IdentityFields {
  if (content.kind !== "conversion") return [];
  return [
    ["conversion", content.mode],
    ["direction", content.direction],
    ["resilience", area.type],
    ["shift", content.shiftBytes],
  ];
}

function contentFields({ content, json }: Luks2Keyslot): IdentityFields {
  if (content.kind !== "volume key") return [["keyslot json", canonicalJson(json)]];
  return [
    ...kdfFields(content.kdf, json),
    ["af hash", content.afHash],
    ["area cipher", content.areaCipher],
    ["area key bytes", content.areaKeyBytes],
  ];
}

function kdfFields(kdf: Luks2Kdf, json: Luks2Keyslot["json"]): IdentityFields {
  switch (kdf.kind) {
    case "pbkdf2":
      return [
        ["kdf", kdf.kind],
        ["hash", kdf.hash],
        ["iterations", kdf.iterations],
        ["salt", kdf.salt],
      ];
    case "argon2i":
    case "argon2id":
      return [
        ["kdf", kdf.kind],
        ["time", kdf.passes],
        ["memory", kdf.memoryKiB],
        ["cpus", kdf.lanes],
        ["salt", kdf.salt],
      ];
    case "unknown":
      return [["kdf json", canonicalJson(json["kdf"] ?? null)]];
    default:
      return kdf satisfies never;
  }
}

/** Without its number, and without what it belongs to: keyslots come and go. */
function digestFields({ type, pbkdf2, json }: Luks2Digest): IdentityFields {
  if (pbkdf2 === null) {
    const { keyslots: _keyslots, segments: _segments, ...rest } = json;
    return [["digest json", canonicalJson(rest)]];
  }
  return [
    ["digest type", type],
    ["digest hash", pbkdf2.hash],
    ["digest iterations", pbkdf2.iterations],
    ["digest salt", pbkdf2.salt],
    ["digest", pbkdf2.digest],
  ];
}
