import * as z from "zod";

/** RFC 3339 in UTC, no finer than nanoseconds. */
export const instant = z.iso.datetime().max("2026-01-01T00:00:00.123456789Z".length);
/** 16 bytes as 32 lower-case hex digits: ids of vaults, machines, points, stores, keys, versions, bindings. */
export const id = z.string().regex(/^[0-9a-f]{32}$/);
/** SHA-256 as 64 lower-case hex digits: identities of volumes, fingerprints of protectors, digests of headers. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** A count of bytes or things. */
export const count = z.int().min(0);
/** Text that UTF-8 can write: half of a surrogate pair would come back from the database as another text. */
export const unicode = z.string().refine((each) => each.isWellFormed(), "no Unicode text");
/** Text that people wrote or that comes from a disk, made visible. */
export const text = unicode.max(4096);
/** Why somebody asks for something, for the audit log. */
export const reason = unicode.trim().min(1).max(1024);
/** A name of a disk or volume as the vault has it. */
export const name = unicode.min(1).max(512);
/** `web01`, or `web01/v1` where one version is meant. */
export const keyName = unicode.min(1).max(256);
/** One version by its full name, `web01/v1`: what somebody approves means the same version when it is done. */
export const versionName = z
  .string()
  .max(256)
  .regex(/^[^/]+\/v[1-9][0-9]{0,8}$/);

export const valueKind = z.enum(["passphrase", "key-file", "recovery-password", "startup-key"]);

/** A volume of a machine's disk, as the vault names it. */
export const volumePlace = z.strictObject({ machine: name, disk: name, volume: name });

/**
 * The header bytes of an encrypted volume, as somebody read them: offset in the volume's place and bytes in base64.
 * @see EncryptedVolume.headerRanges
 */
export const presentedHeader = z.strictObject({
  /** The size of the volume's place. */
  sizeBytes: count,
  sectorBytes: z.union([z.literal(512), z.literal(4096)]).nullable(),
  ranges: z.array(z.tuple([count, z.base64()])).max(1024),
});
export type PresentedHeader = z.infer<typeof presentedHeader>;

/** A version as people see it; no secret is in it. */
export const versionFacts = z.strictObject({
  id,
  /** `web01/v1`. */
  name: keyName,
  kind: valueKind,
  origin: z.enum(["generated", "given"]),
  note: text,
  createdAt: instant,
  enabled: z.boolean(),
  activatesAt: instant.nullable(),
  expiresAt: instant.nullable(),
  retiredAt: instant.nullable(),
  compromisedAt: instant.nullable(),
  deletedAt: instant.nullable(),
  destroyedAt: instant.nullable(),
  /** When its value was found damaged; null where it was not, or was put right. */
  damagedAt: instant.nullable(),
});
export type VersionFacts = z.infer<typeof versionFacts>;

/** A binding as people see it. */
export const bindingFacts = z.strictObject({
  id,
  version: keyName,
  protector: digest,
  protectorId: text,
  protectorKind: text,
  volumeIdentity: digest,
  volumeFormat: z.enum(["luks1", "luks2", "bitlocker"]),
  volumeUuid: text.nullable(),
  place: volumePlace.nullable(),
  source: z.enum(["live", "import", "point"]),
  /** Null for a backup identity, which is not told. */
  boundBy: text.nullable(),
  boundAt: instant,
  retiredAt: instant.nullable(),
});
export type BindingFacts = z.infer<typeof bindingFacts>;

/** Something that needs a version. */
export const need = z.strictObject({
  kind: z.enum(["point", "quarantined point", "live volume", "newly retired", "untried", "hold", "silent vault"]),
  vault: id.nullable(),
  /** `web01@2026-11-23T14:05`, or what else needs it, in words. */
  what: text,
  point: id.nullable(),
  /** What `key.release` ends. */
  hold: id.nullable(),
  capturedAt: instant.nullable(),
  /** A forecast; it frees nothing. */
  expectedUntil: instant.nullable(),
});
export type Need = z.infer<typeof need>;
