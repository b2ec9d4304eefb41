import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { dataSegments, digestsOf, isBackup } from "#volume/luks2/metadata.ts";
import type {
  Luks2Digest,
  Luks2Keyslot,
  Luks2KeyslotContent,
  Luks2Metadata,
  Luks2Segment,
} from "#volume/luks2/metadata.ts";
import { conversionVersion } from "#volume/luks2/requirements.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** A volume that is being encrypted, re-encrypted or decrypted. */
export type Luks2Conversion = {
  readonly version: number;
  readonly keyslot: Luks2Keyslot;
  readonly content: Extract<Luks2KeyslotContent, { kind: "conversion" }>;
  /** How the volume was, and how it will be. */
  readonly previous: Luks2Segment;
  readonly final: Luks2Segment;
  /** Where the first part of the data was put aside; null where that is not done. */
  readonly moved: Luks2Segment | null;
  /** What was being written when the header was; null when nothing was. */
  readonly hot: Luks2Segment | null;
  /** Shows that all this was written by somebody who had the volume keys. */
  readonly seal: Luks2Digest;
};

const RESILIENCE = ["none", "checksum", "journal", "datashift", "datashift-checksum", "datashift-journal"];

/**
 * The conversion that is under way in a header that obeys the rules.
 *
 * @returns  null when none is; or why nothing can be said of it, in words
 * @see LUKS2 On-Disk Format Specification 1.1, section 5
 */
export function conversionOf(metadata: Luks2Metadata): Luks2Conversion | string | null {
  const version = conversionVersion(metadata.config.requirements);
  if (version === null) return null;
  if (version === 1) {
    return "a conversion was begun by a cryptsetup older than 2.4.3, which did not seal it (CVE-2021-4122). `cryptsetup repair` does";
  }
  const keyslot = metadata.keyslots.find(({ content }) => content.kind === "conversion");
  if (keyslot?.content.kind !== "conversion") throw new Error("the rules ask for it");
  if (!RESILIENCE.includes(keyslot.area.type)) {
    return `its conversion has the resilience ${visibleText(keyslot.area.type.slice(0, 80))}, which is not known here`;
  }
  const seal = metadata.digests.find((digest) => digest.keyslots.includes(keyslot.number));
  if (seal === undefined) return "a conversion has begun, and it is not sealed: anybody can have written that";
  const flagged = (flag: string): Luks2Segment | null =>
    metadata.segments.find((segment) => isBackup(segment) && segment.flags.includes(flag)) ?? null;
  const previous = flagged("backup-previous");
  const final = flagged("backup-final");
  if (previous === null || final === null) throw new Error("the rules ask for them");
  return {
    version,
    keyslot,
    content: keyslot.content,
    previous,
    final,
    moved: flagged("backup-moved-segment"),
    hot: dataSegments(metadata).find((segment) => segment.flags.includes("in-reencryption")) ?? null,
    seal,
  };
}

/** The digests of the keys that the volume had and will have, the old one first; one where they are the same. */
export function conversionDigests(metadata: Luks2Metadata, conversion: Luks2Conversion): readonly Luks2Digest[] {
  const digests = [conversion.previous, conversion.final].flatMap((segment) =>
    digestsOf(metadata, segment).slice(0, 1),
  );
  return digests.filter((digest, index) => digests.indexOf(digest) === index);
}

/**
 * The part of the volume that is converted, 0 to 1; what is being written counts as not yet.
 *
 * @param dataBytes  of the data device, for a segment that goes to its end
 */
export function progressOf(metadata: Luks2Metadata, conversion: Luks2Conversion, dataBytes: number): number | null {
  const data = dataSegments(metadata);
  let done = 0;
  let all = 0;
  for (const segment of data) {
    const length = segment.lengthBytes === null ? dataBytes - Number(segment.offsetBytes) : Number(segment.lengthBytes);
    if (length < 0) return null;
    all += length;
    if (isConverted(segment, data, conversion)) done += length;
  }
  return all === 0 ? null : done / all;
}

/** Where keys change both kinds of segments look alike; their order tells them apart. */
function isConverted(segment: Luks2Segment, data: readonly Luks2Segment[], { content, hot }: Luks2Conversion): boolean {
  if (segment === hot) return false;
  if (content.mode === "encrypt") return segment.type !== "linear";
  if (content.mode === "decrypt") return segment.type === "linear";
  if (data.length === 1) return false;
  const place = data.indexOf(segment);
  const border = hot === null ? 1 : data.indexOf(hot);
  return content.direction === "forward" ? place < border : place >= border;
}

/**
 * What the seal of a conversion is made from: the volume keys and the numbers that decide how it goes on. Nobody without the
 * keys can make it, so that a forged "decryption in progress" shows.
 *
 * @param volumeKeys  those of `conversionDigests`, in that order
 * @returns           a secret: it holds the keys. null where a number cannot be sealed, so that it is forged
 * @see LUKS2 On-Disk Format Specification 1.1, section 5.4; CVE-2021-4122
 */
export function sealedBytes(conversion: Luks2Conversion, volumeKeys: readonly Secret[]): Secret | null {
  const { version, keyslot, content, previous, final, moved } = conversion;
  const { type, offsetBytes, lengthBytes } = keyslot.area;
  const fields = [
    text(content.mode),
    text(content.direction),
    text(type),
    u64(offsetBytes),
    u64(lengthBytes),
    ...(content.checksum === null ? [] : [text(content.checksum.hash), u32(content.checksum.sectorBytes)]),
    ...(content.shiftBytes === null ? [] : [u64(content.shiftBytes)]),
    ...segmentFields(previous),
    ...segmentFields(final),
    ...(moved === null ? [] : segmentFields(moved)),
  ];
  const known = fields.filter((field) => field !== null);
  if (known.length < fields.length) return null;
  return new Secret(concat(Uint8Array.of(0x76, 0x30 + version), ...volumeKeys.map((key) => key.bytes), ...known));
}

function segmentFields({ type, offsetBytes, lengthBytes, crypt }: Luks2Segment): readonly (Uint8Array | null)[] {
  const place = [text(type), u64(offsetBytes), lengthBytes === null ? text("dynamic") : u64(lengthBytes)];
  if (type === "linear") return place;
  if (type !== "crypt" || crypt === null) return [null];
  return [...place, u64(crypt.ivTweak), text(crypt.cipher), u32(crypt.sectorBytes)];
}

function text(value: string): Uint8Array | null {
  const bytes = utf8(value);
  return bytes.length <= 64 ? bytes : null;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
