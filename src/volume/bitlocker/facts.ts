import { BOOT_SECTOR_BYTES } from "#volume/bitlocker/boot-sector.ts";
import { bitlockerHeaderDigest, bitlockerIdentity } from "#volume/bitlocker/identity.ts";
import { leastBytes } from "#volume/bitlocker/layout.ts";
import type { BitlockerReading } from "#volume/bitlocker/reading.ts";
import { bitlockerWarnings } from "#volume/bitlocker/warnings.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import type { Place } from "#volume/source/source.ts";
import { visibleUtf16 } from "#volume/source/visible-text.ts";

/** The volume as it is shown. */
export function bitlockerFacts(reading: BitlockerReading): EncryptedVolume {
  const { bootSector, copies, state, layout, protectors, sizeBytes } = reading;
  const { metadata } = copies.used;
  const { cipher, unreadable, sectorBytes, areas, movedBoot, mftMirror } = layout;
  const name = cipher?.name ?? `method 0x${(metadata.head.method & 0xffff).toString(16)}`;
  return {
    format: "bitlocker",
    version: versionOf(reading),
    cipher: name,
    keyBits: (cipher?.keyBytes ?? 0) * 8,
    sectorBytes,
    uuid: metadata.head.guid,
    label: metadata.description === null ? null : visibleUtf16(metadata.description) || null,
    state: unreadable !== null && state.unreadable === null ? "unreadable" : state.state,
    unreadable,
    progress: state.progress?.(sizeBytes) ?? null,
    protectors: protectors.map(({ facts }) => facts),
    tokens: [],
    payload: payloadOf(reading),
    headerRanges: headerRanges(reading),
    identity: bitlockerIdentity(metadata, {
      cipher: name,
      sectorBytes,
      areas,
      movedBoot,
      mftMirror,
      encryptedBytes: state.encryptedBytes,
    }),
    headerDigest: bitlockerHeaderDigest(bootSector, copies.used),
    warnings: bitlockerWarnings(reading),
  };
}

function versionOf({ boot, copies }: BitlockerReading): string {
  if (boot.layout !== "7") return boot.layout;
  // Windows 8 made the entry longer, and Windows 10 left it out for some time.
  const { movedBoot } = copies.used.metadata;
  return movedBoot === null || movedBoot.isExtended ? "8+" : "7";
}

function payloadOf(reading: BitlockerReading): Place | null {
  const { sizeBytes, layout } = reading;
  if (sizeBytes < leastBytes(layout)) return null;
  return { offsetBytes: 0, lengthBytes: Math.floor(sizeBytes / layout.sectorBytes) * layout.sectorBytes };
}

function headerRanges({ copies, layout, sizeBytes }: BitlockerReading): readonly Place[] {
  const boot = { offsetBytes: 0, lengthBytes: Math.min(BOOT_SECTOR_BYTES, sizeBytes) };
  const places = [boot, ...layout.read, ...copies.good.map(({ place }) => place)];
  const ranges: Place[] = [];
  for (const place of places.toSorted((a, b) => a.offsetBytes - b.offsetBytes)) {
    const last = ranges.at(-1);
    const lastEnd = last === undefined ? -1 : last.offsetBytes + last.lengthBytes;
    if (last === undefined || place.offsetBytes > lastEnd) {
      ranges.push(place);
      continue;
    }
    const end = Math.max(lastEnd, place.offsetBytes + place.lengthBytes);
    ranges.splice(-1, 1, { ...last, lengthBytes: end - last.offsetBytes });
  }
  return ranges;
}
