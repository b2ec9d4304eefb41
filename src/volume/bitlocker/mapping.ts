import { LockstepError } from "#errors/errors.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { MappedContent, MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";
import type { Place } from "#volume/source/source.ts";

/** All that decides how a BitLocker volume's plaintext is made; not checked against one another. */
export type BitlockerLayout = {
  readonly spec: SectorCipherSpec;
  /** Areas of the metadata, and of the moved boot sectors: they read as zeros. */
  readonly zeroAreas: readonly Place[];
  /** Where the volume's first bytes are kept; null for Windows Vista. */
  readonly movedBoot: Place | null;
  /** What lies behind is not encrypted; null where all is. */
  readonly encryptedBytes: number | null;
  /** How many bytes at the start are stored in plain: Windows Vista's. */
  readonly plainBytes: number;
  /** What reads as something else than is stored: Windows Vista's boot sectors. */
  readonly literals: readonly { readonly offsetBytes: number; readonly bytes: Uint8Array }[];
};

/**
 * The plaintext as the `bitlk` mapping of Linux' cryptsetup shows it: as long as the volume; its first bytes come from where
 * they were moved to and keep the sector numbers of that place; metadata and the moved boot sectors read as zeros.
 *
 * Unlike cryptsetup's, it knows volumes that are encrypted in part, and Windows Vista's.
 *
 * @param dataBytes  the volume's size; a last part of a sector is left out
 * @throws {LockstepError} HEADER_CORRUPT: places are no whole sectors, lie among the first bytes, or do not lie in the volume.
 *   Areas that overlap one another are zeros all the same
 */
export function bitlockerMapping(layout: BitlockerLayout, dataBytes: number): Mapping {
  const { sectorBytes } = layout.spec;
  const sizeBytes = Math.floor(dataBytes / sectorBytes) * sectorBytes;
  check(layout, sizeBytes);
  const ends = [...cuts(layout)].filter((cut) => cut > 0 && cut < sizeBytes);
  const bounds = [0, ...new Set(ends.toSorted((a, b) => a - b)), sizeBytes];
  const stretches: MappedStretch[] = [];
  for (const [index, offsetBytes] of bounds.slice(0, -1).entries()) {
    const lengthBytes = (bounds[index + 1] ?? sizeBytes) - offsetBytes;
    append(stretches, { offsetBytes, lengthBytes, content: contentAt(layout, offsetBytes) });
  }
  return { sizeBytes, ciphers: [layout.spec], stretches };
}

/** All offsets where the content may change. */
function* cuts({
  zeroAreas,
  movedBoot,
  encryptedBytes,
  plainBytes,
  literals,
  spec,
}: BitlockerLayout): Iterable<number> {
  for (const { offsetBytes, lengthBytes } of zeroAreas) yield* [offsetBytes, offsetBytes + lengthBytes];
  for (const { offsetBytes } of literals) yield* [offsetBytes, offsetBytes + spec.sectorBytes];
  yield plainBytes;
  if (encryptedBytes !== null) yield encryptedBytes;
  if (movedBoot === null) return;
  yield movedBoot.lengthBytes;
  const plainFrom = encryptedBytes === null ? 0 : encryptedBytes - movedBoot.offsetBytes;
  if (plainFrom > 0 && plainFrom < movedBoot.lengthBytes) yield plainFrom;
}

function contentAt(layout: BitlockerLayout, at: number): MappedContent {
  const { zeroAreas, movedBoot, encryptedBytes, plainBytes, literals } = layout;
  const literal = literals.find(({ offsetBytes }) => offsetBytes === at);
  if (literal !== undefined) return { kind: "literal", bytes: literal.bytes };
  if (zeroAreas.some((area) => at >= area.offsetBytes && at < area.offsetBytes + area.lengthBytes)) {
    return { kind: "zeros" };
  }
  const sourceOffsetBytes = movedBoot !== null && at < movedBoot.lengthBytes ? movedBoot.offsetBytes + at : at;
  const isPlain = at < plainBytes || (encryptedBytes !== null && sourceOffsetBytes >= encryptedBytes);
  if (isPlain) return { kind: "plain", sourceOffsetBytes };
  return { kind: "encrypted", sourceOffsetBytes, ivOffsetBytes: BigInt(sourceOffsetBytes), cipher: 0 };
}

/** Appends a stretch, to the last one where it goes on with it. */
function append(stretches: MappedStretch[], next: MappedStretch): void {
  const last = stretches.at(-1);
  if (last === undefined || !goesOn(last, next)) {
    stretches.push(next);
    return;
  }
  stretches.splice(-1, 1, { ...last, lengthBytes: last.lengthBytes + next.lengthBytes });
}

function goesOn({ content: before, lengthBytes }: MappedStretch, { content }: MappedStretch): boolean {
  if (before.kind === "literal" || content.kind === "literal" || before.kind !== content.kind) return false;
  if (before.kind === "zeros" || content.kind === "zeros") return true;
  return before.sourceOffsetBytes + lengthBytes === content.sourceOffsetBytes;
}

function check(layout: BitlockerLayout, sizeBytes: number): void {
  const { zeroAreas, movedBoot, encryptedBytes, plainBytes, literals, spec } = layout;
  const places = [...zeroAreas, ...(movedBoot === null ? [] : [movedBoot])];
  for (const { offsetBytes, lengthBytes } of places) {
    if (offsetBytes % spec.sectorBytes !== 0 || lengthBytes % spec.sectorBytes !== 0) {
      throw corrupt(`${lengthBytes} bytes at ${offsetBytes} are not whole sectors of ${spec.sectorBytes} bytes`);
    }
  }
  if (encryptedBytes !== null && encryptedBytes % spec.sectorBytes !== 0) {
    throw corrupt(`the encrypted part ends at byte ${encryptedBytes}, within a sector of ${spec.sectorBytes} bytes`);
  }
  const first = Math.max(movedBoot?.lengthBytes ?? 0, plainBytes);
  const early = places.find(({ offsetBytes }) => offsetBytes < first);
  if (early !== undefined) throw corrupt(`metadata at byte ${early.offsetBytes} is among the first ${first} bytes`);
  if (movedBoot !== null && movedBoot.offsetBytes + movedBoot.lengthBytes > sizeBytes) {
    throw corrupt(
      `its boot sectors are kept in ${movedBoot.lengthBytes} bytes at ${movedBoot.offsetBytes}, and the volume has ${sizeBytes} bytes`,
    );
  }
  const end = Math.max(first, ...literals.slice(0, 1).map(({ bytes }) => bytes.length));
  if (end > sizeBytes) throw corrupt(`the volume has ${sizeBytes} bytes, and its first ${end} are missing`);
}

function corrupt(found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `BitLocker volume: ${found}`);
}
