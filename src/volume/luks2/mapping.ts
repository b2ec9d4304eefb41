import { LockstepError } from "#errors/errors.ts";
import type { Luks2Conversion } from "#volume/luks2/conversion.ts";
import type { Luks2Segment } from "#volume/luks2/metadata.ts";
import type { Luks2Plan } from "#volume/luks2/plan.ts";
import type { MappedContent, MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";

const IV_UNIT_BYTES = 512n;

/**
 * How the plaintext is made from the data device: its segments, one after the other.
 *
 * The hot zone of a conversion was being written when the header was. An encryption that shifts data writes it elsewhere, so
 * that the old data are still there and are read. In all other cases nobody can tell which of its sectors are old.
 *
 * @param plan       of a volume that is readable
 * @param segments   its data segments
 * @param dataBytes  of the data device
 * @throws {LockstepError} HEADER_CORRUPT: a segment ends behind the device · VOLUME_UNSUPPORTED: a hot zone
 */
export function luks2Mapping(plan: Luks2Plan, segments: readonly Luks2Segment[], dataBytes: number): Mapping {
  const stretches: MappedStretch[] = [];
  let offsetBytes = 0;
  for (const segment of segments) {
    const lengthBytes = lengthOf(segment, dataBytes);
    const content = contentOf(plan, segments, segment);
    const sectorBytes = content.kind === "encrypted" ? (segment.crypt?.sectorBytes ?? 512) : 512;
    if (offsetBytes % sectorBytes !== 0) {
      const found = `it starts in the middle of a sector of ${sectorBytes} bytes, at ${offsetBytes} of the volume`;
      throw new LockstepError("VOLUME_UNSUPPORTED", `LUKS2 header: segments.${segment.number}: ${found}`);
    }
    checkInside(content, lengthBytes, dataBytes, segment);
    stretches.push({ offsetBytes, lengthBytes, content });
    offsetBytes += lengthBytes;
  }
  return { sizeBytes: offsetBytes, ciphers: plan.ciphers.map(({ spec }) => spec), stretches };
}

/** A dynamic one goes to the last whole sector of the device. */
function lengthOf({ number, offsetBytes, lengthBytes, crypt }: Luks2Segment, dataBytes: number): number {
  const left = BigInt(dataBytes) - offsetBytes;
  const sectorBytes = BigInt(crypt?.sectorBytes ?? 512);
  const length = lengthBytes ?? (left / sectorBytes) * sectorBytes;
  if (length > 0n && length <= left) return Number(length);
  const found = `it takes ${lengthBytes ?? "all"} bytes from ${offsetBytes} on, the device has ${dataBytes}`;
  throw new LockstepError("HEADER_CORRUPT", `LUKS2 header: segments.${number}: ${found}`);
}

function contentOf(plan: Luks2Plan, segments: readonly Luks2Segment[], segment: Luks2Segment): MappedContent {
  const { conversion } = plan;
  if (conversion !== null && conversion.hot === segment) return hotContent(conversion, segments, segment);
  const sourceOffsetBytes = Number(segment.offsetBytes);
  const cipher = plan.uses.get(segment.number) ?? null;
  if (cipher === null) return { kind: "plain", sourceOffsetBytes };
  return {
    kind: "encrypted",
    sourceOffsetBytes,
    ivOffsetBytes: (segment.crypt?.ivTweak ?? 0n) * IV_UNIT_BYTES,
    cipher,
  };
}

/** @see cryptsetup 2.8, which recovers such a zone from the same places */
function hotContent(conversion: Luks2Conversion, segments: readonly Luks2Segment[], hot: Luks2Segment): MappedContent {
  const { content, keyslot, moved, previous } = conversion;
  const isShiftedEncryption =
    content.mode === "encrypt" &&
    content.direction === "backward" &&
    keyslot.area.type === "datashift" &&
    previous.type === "linear";
  if (isShiftedEncryption && moved?.type === "linear" && content.shiftBytes !== null) {
    const from = segments.indexOf(hot) === 0 ? moved.offsetBytes : hot.offsetBytes - content.shiftBytes;
    return { kind: "plain", sourceOffsetBytes: Number(from) };
  }
  const zone = `bytes ${hot.offsetBytes} to ${hot.offsetBytes + (hot.lengthBytes ?? 0n)}`;
  const found = `${zone} were being written when the volume was taken, with the resilience ${keyslot.area.type}`;
  throw new LockstepError(
    "VOLUME_UNSUPPORTED",
    `LUKS2 volume: a conversion (${content.mode}) is under way: ${found}: which of them are converted cannot be told`,
    { hint: "Let cryptsetup finish the conversion: `cryptsetup repair` on a copy of the disk, then read the copy." },
  );
}

function checkInside(content: MappedContent, lengthBytes: number, dataBytes: number, { number }: Luks2Segment): void {
  if (content.kind !== "plain" && content.kind !== "encrypted") return;
  const { sourceOffsetBytes: from } = content;
  if (from >= 0 && from + lengthBytes <= dataBytes) return;
  const found = `it is made from ${lengthBytes} bytes at ${from}, the device has ${dataBytes}`;
  throw new LockstepError("HEADER_CORRUPT", `LUKS2 header: segments.${number}: ${found}`);
}
