import { LockstepError } from "#errors/errors.ts";
import { LUKS2_BINARY_BYTES, LUKS2_HEADER_SIZES } from "#volume/luks2/binary.ts";
import { dataSegments, isBackup } from "#volume/luks2/metadata.ts";
import type { Luks2Metadata, Luks2Segment } from "#volume/luks2/metadata.ts";
import { conversionVersion, isConversionRequirement } from "#volume/luks2/requirements.ts";

const MOST_KEYSLOTS_BYTES = 128 * 1024 * 1024;
/** More than cryptsetup shows of one (LUKS2_SEGMENT_MAX); the most that it makes are six, in a conversion. */
const MOST_SEGMENTS = 32;
const U64_END = 1n << 64n;

/**
 * Checks that the parts of a header fit one another and the header's size: references lead somewhere, areas and segments lie
 * where they may and do not overlap, segments are numbered without gaps, and each key that is used can be verified.
 *
 * These are the rules by which cryptsetup refuses a header, and one of our own: 32 segments at most, so that what identities
 * are made from is bounded. Whether the volume can be read is another question.
 *
 * @param headerBytes  of the fixed part and the JSON area, as the fixed part says
 * @param what         the header's name, for messages
 * @throws {LockstepError} HEADER_CORRUPT: the rule that is broken, by the path of what breaks it
 * @see LUKS2 On-Disk Format Specification 1.1, section 3; cryptsetup 2.8, its behaviour on malformed headers
 */
export function checkLuks2Rules(metadata: Luks2Metadata, headerBytes: number, what: string): void {
  const wrong: Wrong = (path, found) => new LockstepError("HEADER_CORRUPT", `${what}: ${path}: ${found}`);
  checkSizes(metadata, headerBytes, wrong);
  checkReferences(metadata, wrong);
  checkSegments(metadata.segments, wrong);
  checkDigestLinks(metadata, wrong);
  checkConversionKeyslot(metadata, wrong);
  checkConversionSegments(metadata, wrong);
  checkAreas(metadata, headerBytes, wrong);
}

type Wrong = (path: string, found: string) => LockstepError;

function checkSizes(metadata: Luks2Metadata, headerBytes: number, wrong: Wrong): void {
  const { jsonBytes, keyslotsBytes, requirements } = metadata.config;
  if (jsonBytes !== BigInt(headerBytes - LUKS2_BINARY_BYTES)) {
    throw wrong("config.json_size", `${jsonBytes}, but the header leaves ${headerBytes - LUKS2_BINARY_BYTES} bytes`);
  }
  if (!LUKS2_HEADER_SIZES.includes(headerBytes)) {
    throw wrong("config.json_size", `${jsonBytes}: a header of ${headerBytes} bytes is not allowed`);
  }
  if (keyslotsBytes % 4096n !== 0n || keyslotsBytes > MOST_KEYSLOTS_BYTES) {
    throw wrong("config.keyslots_size", `${keyslotsBytes} is not a multiple of 4096 up to ${MOST_KEYSLOTS_BYTES}`);
  }
  if (requirements.filter(isConversionRequirement).length > 1) {
    throw wrong("config.requirements.mandatory", "there is more than one version of online-reencrypt");
  }
  const offsets = dataSegments(metadata).map((segment) => segment.offsetBytes);
  // A segment at 0 lies on another device than the header.
  if (offsets.includes(0n)) return;
  const end = 2n * BigInt(headerBytes) + keyslotsBytes;
  const first = offsets.reduce((least, offset) => (offset < least ? offset : least), U64_END);
  if (first < end) throw wrong("config.keyslots_size", `the header ends at byte ${end}, the data begin at ${first}`);
}

function checkReferences({ keyslots, segments, digests, tokens }: Luks2Metadata, wrong: Wrong): void {
  const keyslotNumbers = new Set(keyslots.map(({ number }) => number));
  const segmentNumbers = new Set(segments.map(({ number }) => number));
  for (const [section, owners] of [["digests", digests] as const, ["tokens", tokens] as const]) {
    for (const { number, keyslots: named } of owners) {
      const missing = named.find((keyslot) => !keyslotNumbers.has(keyslot));
      if (missing !== undefined) throw wrong(`${section}.${number}.keyslots`, `there is no keyslot ${missing}`);
    }
  }
  for (const digest of digests) {
    const missing = digest.segments.find((segment) => !segmentNumbers.has(segment));
    if (missing !== undefined) throw wrong(`digests.${digest.number}.segments`, `there is no segment ${missing}`);
  }
}

/** Data segments come first, backup segments behind them, without gaps. Only the last data segment may be dynamic. */
function checkSegments(segments: readonly Luks2Segment[], wrong: Wrong): void {
  if (segments.length === 0) throw wrong("segments", "there is none");
  if (segments.length > MOST_SEGMENTS) throw wrong("segments", `there are more than ${MOST_SEGMENTS}`);
  const firstBackup = segments.findIndex(isBackup);
  if (firstBackup === 0) throw wrong("segments.0.flags", "there are backup segments only");
  const data = firstBackup < 0 ? segments : segments.slice(0, firstBackup);
  for (const [place, segment] of segments.entries()) {
    const path = `segments.${segment.number}`;
    if (segment.number !== place) throw wrong(path, `there is no segment ${place}`);
    if (place >= data.length && !isBackup(segment))
      throw wrong(`${path}.flags`, "a data segment behind backup segments");
    if (segment.lengthBytes === null && place < data.length - 1)
      throw wrong(`${path}.size`, "only the last may be dynamic");
  }
  checkApart(
    data.map(({ number, offsetBytes, lengthBytes }) => ({ path: `segments.${number}`, offsetBytes, lengthBytes })),
    wrong,
  );
}

function checkDigestLinks({ keyslots, segments, digests }: Luks2Metadata, wrong: Wrong): void {
  const linkedSegments = new Set(digests.flatMap((digest) => digest.segments));
  for (const { number, crypt } of segments) {
    if (crypt !== null && !linkedSegments.has(number)) throw wrong(`segments.${number}`, "no digest belongs to it");
  }
  const links = new Map<number, number>();
  for (const digest of digests) {
    for (const keyslot of new Set(digest.keyslots)) links.set(keyslot, (links.get(keyslot) ?? 0) + 1);
  }
  for (const { number, content } of keyslots) {
    const count = links.get(number) ?? 0;
    if (content.kind === "volume key" && count !== 1)
      throw wrong(`keyslots.${number}`, `${count} digests belong to it, not 1`);
  }
}

/** A conversion has one keyslot, and only a conversion has. */
function checkConversionKeyslot({ keyslots, config }: Luks2Metadata, wrong: Wrong): void {
  const [first, second] = keyslots.filter(({ content }) => content.kind === "conversion");
  if (second !== undefined) throw wrong(`keyslots.${second.number}`, "there is another one of its type");
  if (first === undefined && conversionVersion(config.requirements) !== null) {
    throw wrong("keyslots", "a conversion has begun, but no keyslot says which");
  }
  if (first !== undefined && !config.requirements.some(isConversionRequirement)) {
    throw wrong(`keyslots.${first.number}`, "it notes a conversion, but config.requirements does not");
  }
}

/** While a volume is converted each data segment is either as it was or as it will be, which the backup segments say. */
function checkConversionSegments(metadata: Luks2Metadata, wrong: Wrong): void {
  if (conversionVersion(metadata.config.requirements) === null) return;
  const backups = metadata.segments.filter(isBackup);
  const final = backups.findLast(({ flags }) => flags.includes("backup-final"));
  const previous = backups.findLast(
    ({ flags }) => flags.includes("backup-previous") && !flags.includes("backup-final"),
  );
  if (final === undefined || previous === undefined) {
    throw wrong("segments", "a conversion has begun, but no backup segments say from what to what");
  }
  for (const segment of dataSegments(metadata)) {
    const isHot = segment.flags.includes("in-reencryption");
    if (isAlike(segment, final) || (!isHot && isAlike(segment, previous))) continue;
    throw wrong(
      `segments.${segment.number}`,
      `it is not like the ${isHot ? "final segment" : "final or previous one"}`,
    );
  }
}

function isAlike(a: Luks2Segment, b: Luks2Segment): boolean {
  if (a.type !== b.type) return false;
  return a.type !== "crypt" || (a.crypt?.cipher === b.crypt?.cipher && a.crypt?.sectorBytes === b.crypt?.sectorBytes);
}

function checkAreas({ keyslots, config }: Luks2Metadata, headerBytes: number, wrong: Wrong): void {
  const start = 2n * BigInt(headerBytes);
  const end = start + config.keyslotsBytes;
  for (const { number, area } of keyslots) {
    const path = `keyslots.${number}.area`;
    if (area.lengthBytes === 0n) throw wrong(`${path}.size`, "it is 0");
    if (area.offsetBytes < start) throw wrong(`${path}.offset`, `${area.offsetBytes} is inside of the headers`);
    const areaEnd = area.offsetBytes + area.lengthBytes;
    if (areaEnd > end) throw wrong(path, `it ends at byte ${areaEnd}, the keyslots at ${end}`);
  }
  checkApart(
    keyslots.map(({ number, area }) => ({ path: `keyslots.${number}.area`, ...area })),
    wrong,
  );
}

type Stretch = { readonly path: string; readonly offsetBytes: bigint; readonly lengthBytes: bigint | null };

/** Sorted, since a header may have thousands of them. One alone may end anywhere, as cryptsetup has it. */
function checkApart(stretches: readonly Stretch[], wrong: Wrong): void {
  if (stretches.length < 2) return;
  const sorted = stretches.toSorted((a, b) =>
    a.offsetBytes < b.offsetBytes ? -1 : a.offsetBytes > b.offsetBytes ? 1 : 0,
  );
  for (const [index, { path, offsetBytes, lengthBytes }] of sorted.entries()) {
    if (lengthBytes !== null && offsetBytes + lengthBytes >= U64_END) throw wrong(path, "its end does not fit 64 bits");
    const next = sorted[index + 1];
    if (next === undefined) continue;
    if (lengthBytes === null || offsetBytes + lengthBytes > next.offsetBytes)
      throw wrong(path, `it overlaps ${next.path}`);
  }
}
