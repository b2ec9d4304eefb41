import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import { progressOf } from "#volume/luks2/conversion.ts";
import type { Luks2Stored } from "#volume/luks2/copies.ts";
import { luks2HeaderDigest, luks2Identity } from "#volume/luks2/identity.ts";
import type { Luks2Material } from "#volume/luks2/identity.ts";
import { materialBytes } from "#volume/luks2/keyslot.ts";
import { dataSegments } from "#volume/luks2/metadata.ts";
import type { Luks2Segment } from "#volume/luks2/metadata.ts";
import type { Luks2Plan } from "#volume/luks2/plan.ts";
import { luks2Tokens, luks2Warnings } from "#volume/luks2/warnings.ts";
import type { Place } from "#volume/source/source.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** What was read of a LUKS2 volume. */
export type Luks2Reading = {
  readonly stored: Luks2Stored;
  readonly plan: Luks2Plan;
  /** Of the keyslots that are ways in, in order. */
  readonly materials: readonly Luks2Material[];
  /** Of the source that it was read from. */
  readonly sizeBytes: number;
};

/** The volume as it is shown. */
export function luks2Facts(reading: Luks2Reading, protectors: readonly Protector[]): EncryptedVolume {
  const { stored, plan, materials, sizeBytes } = reading;
  const { binary, metadata } = stored;
  const data = dataSegments(metadata);
  const { conversion } = plan;
  // During a conversion the volume is shown as it will be.
  const shown =
    conversion === null ? data[0] : conversion.final.crypt === null ? conversion.previous : conversion.final;
  const key = plan.keys.at(-1);
  const keyslot = metadata.keyslots.find(({ number }) => key?.keyslots.includes(number));
  return {
    format: "luks2",
    version: "2",
    cipher: visibleText(shown?.crypt?.cipher ?? "none"),
    keyBits: (keyslot?.keyBytes ?? 0) * 8,
    sectorBytes: shown?.crypt?.sectorBytes ?? 512,
    uuid: binary.uuid,
    label: binary.label,
    state: plan.unreadable !== null ? "unreadable" : conversion !== null ? "converting" : "encrypted",
    unreadable: plan.unreadable,
    progress: conversion === null ? null : progressOf(metadata, conversion, sizeBytes),
    protectors,
    tokens: luks2Tokens(metadata),
    payload: payloadOf(data, sizeBytes),
    headerRanges: headerRanges(reading),
    identity: luks2Identity(metadata),
    headerDigest: luks2HeaderDigest(stored, materials),
    warnings: luks2Warnings(reading),
  };
}

/** null also where the header was read from something that ends before its data begin. */
function payloadOf(data: readonly Luks2Segment[], sizeBytes: number): Place | null {
  const [segment] = data;
  if (data.length !== 1 || segment === undefined || segment.offsetBytes === 0n) return null;
  const left = BigInt(sizeBytes) - segment.offsetBytes;
  const sectorBytes = BigInt(segment.crypt?.sectorBytes ?? 512);
  const length = segment.lengthBytes ?? (left / sectorBytes) * sectorBytes;
  return length <= 0n || length > left
    ? null
    : { offsetBytes: Number(segment.offsetBytes), lengthBytes: Number(length) };
}

/** Both headers, and the key material of keyslots, as far as they can be read; what touches is one range. */
function headerRanges({ stored, materials }: Luks2Reading): readonly Place[] {
  const { headerBytes } = stored.binary;
  const { primary, secondary } = stored.copyHashes;
  const ranges: Place[] = [];
  const headers = [
    ...(primary === null ? [] : [{ offsetBytes: 0, lengthBytes: headerBytes }]),
    ...(secondary === null ? [] : [{ offsetBytes: headerBytes, lengthBytes: headerBytes }]),
  ];
  const areas = materials
    .filter(({ sha256 }) => sha256 !== null)
    .map(({ keyslot }) => ({ offsetBytes: Number(keyslot.area.offsetBytes), lengthBytes: materialBytes(keyslot) }))
    .toSorted((a, b) => a.offsetBytes - b.offsetBytes);
  for (const area of [...headers, ...areas]) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === area.offsetBytes) {
      ranges.splice(-1, 1, { ...last, lengthBytes: last.lengthBytes + area.lengthBytes });
    } else {
      ranges.push(area);
    }
  }
  return ranges;
}
