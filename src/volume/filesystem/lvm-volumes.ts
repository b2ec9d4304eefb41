import { LockstepError } from "#errors/errors.ts";
import type { LvmSection, LvmValue } from "#volume/filesystem/lvm-text.ts";
import type { LogicalVolume } from "#volume/filesystem/recognised.ts";
import type { Place } from "#volume/source/source.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** Sizes in the metadata count these, whatever the device. */
const SECTOR_BYTES = 512;
/** LVM's names and ids are shorter; longer ones are cut. */
const MAX_SHOWN = 128;

export type VolumeGroup = {
  readonly name: string;
  readonly sequence: number;
  readonly logicalVolumes: readonly LogicalVolume[];
};

/** The physical volume that is looked at, and how its extents lie on it. */
type Here = {
  readonly name: string;
  readonly startBytes: number;
  readonly extents: number;
  readonly extentBytes: number;
};

/** A logical volume's part that is plainly extents of one physical volume. */
type Run = { readonly firstExtent: number; readonly extents: number };

/**
 * Finds where the logical volumes of a group lie on one of its physical volumes. Only those that are plain runs of extents of
 * it get places: other kinds, volumes that reach to other physical volumes and ones that claim the same extent get a reason.
 *
 * @param metadata     the parsed text of a metadata area
 * @param pvId         32 characters, as the label has it
 * @param sourceBytes  size of the physical volume's place: extents beyond it are given to nobody
 * @throws {LockstepError} HEADER_CORRUPT: no group in it, or numbers that cannot be
 * @see lvm2 lib/format_text/export.c for what is written
 */
export function readVolumeGroup(metadata: LvmSection, pvId: string, sourceBytes: number): VolumeGroup {
  const groups = [...metadata].filter(([, value]) => isSection(value));
  const [entry] = groups;
  if (entry === undefined || groups.length > 1) throw corrupt(`${groups.length} volume groups instead of one`);
  const [name, group] = entry as [string, LvmSection];
  const here = findHere(group, pvId);
  const volumes = [...sectionOf(group, "logical_volumes")].filter((each): each is [string, LvmSection] =>
    isSection(each[1]),
  );
  const extentBytes = bytesOf(group, "extent_size");
  const runs = volumes.map(([, volume]) => runsOf(volume, here));
  const shared = sharedExtents(runs.filter((each) => typeof each !== "string"));
  const logicalVolumes = volumes.map(([lvName, volume], index): LogicalVolume => {
    const own = runs[index] ?? "it has no segments";
    const placed = typeof own === "string" || here === null ? own : placesOf(own, here, shared, sourceBytes);
    return {
      name: shown(lvName),
      uuid: textOf(volume, "id"),
      sizeBytes: sizeOf(volume, extentBytes),
      visible: listOf(volume, "status").includes("VISIBLE"),
      stretches: typeof placed === "string" ? null : (placed as readonly Place[]),
      reason: typeof placed === "string" ? placed : null,
    };
  });
  return { name: shown(name), sequence: numberOf(group, "seqno"), logicalVolumes };
}

function findHere(group: LvmSection, pvId: string): Here | null {
  for (const [name, volume] of sectionOf(group, "physical_volumes")) {
    if (!isSection(volume) || textOf(volume, "id")?.replaceAll("-", "") !== pvId) continue;
    return {
      name,
      startBytes: bytesOf(volume, "pe_start"),
      extents: numberOf(volume, "pe_count"),
      extentBytes: bytesOf(group, "extent_size"),
    };
  }
  return null;
}

/** The runs of a logical volume in its own order, or why it has none here. */
function runsOf(volume: LvmSection, here: Here | null): readonly Run[] | string {
  if (here === null) return "the metadata does not name this physical volume";
  const runs: Run[] = [];
  let nextExtent = 0;
  for (const segment of segmentsOf(volume)) {
    if (numberOf(segment, "start_extent") !== nextExtent) return "its segments leave gaps";
    const extents = numberOf(segment, "extent_count");
    nextExtent += extents;
    const type = textOf(segment, "type") ?? "unknown";
    if (type !== "striped" && type !== "linear") return `a segment of type ${type}`;
    if (numberOf(segment, "stripe_count") !== 1) return "it is striped over several physical volumes";
    const [pvName, firstExtent] = listOf(segment, "stripes");
    if (pvName !== here.name) return "a part of it lies on another physical volume";
    if (typeof firstExtent !== "number" || firstExtent < 0 || extents < 1) return "a segment has impossible extents";
    if (firstExtent + extents > here.extents) return "a segment reaches beyond the extents of the physical volume";
    runs.push({ firstExtent, extents });
  }
  return runs.length === 0 ? "it has no segments" : runs;
}

function segmentsOf(volume: LvmSection): LvmSection[] {
  const segments: LvmSection[] = [];
  for (const [name, value] of volume) if (/^segment\d+$/.test(name) && isSection(value)) segments.push(value);
  return segments;
}

/** The extents that more than one run claims: ascending, not touching one another. */
function sharedExtents(claims: readonly (readonly Run[])[]): readonly Run[] {
  const sorted = claims.flat().toSorted((a, b) => a.firstExtent - b.firstExtent);
  const shared: Run[] = [];
  let end = 0;
  for (const { firstExtent, extents } of sorted) {
    const sharedEnd = Math.min(end, firstExtent + extents);
    end = Math.max(end, firstExtent + extents);
    if (sharedEnd <= firstExtent) continue;
    const last = shared.at(-1);
    if (last === undefined || last.firstExtent + last.extents < firstExtent) {
      shared.push({ firstExtent, extents: sharedEnd - firstExtent });
    } else if (sharedEnd > last.firstExtent + last.extents) {
      shared[shared.length - 1] = { firstExtent: last.firstExtent, extents: sharedEnd - last.firstExtent };
    }
  }
  return shared;
}

/** True when one of the ascending `shared` has an extent of the run. By halves: hostile metadata has many of both. */
function isShared({ firstExtent, extents }: Run, shared: readonly Run[]): boolean {
  let [from, to] = [0, shared.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const other = shared[middle] as Run;
    if (other.firstExtent + other.extents <= firstExtent) from = middle + 1;
    else to = middle;
  }
  const next = shared[from];
  return next !== undefined && next.firstExtent < firstExtent + extents;
}

function placesOf(
  runs: readonly Run[],
  here: Here,
  shared: readonly Run[],
  sourceBytes: number,
): readonly Place[] | string {
  const places: Place[] = [];
  for (const run of runs) {
    if (isShared(run, shared)) return "it claims extents that another volume claims too";
    const offsetBytes = here.startBytes + run.firstExtent * here.extentBytes;
    const lengthBytes = run.extents * here.extentBytes;
    if (!Number.isSafeInteger(offsetBytes + lengthBytes) || offsetBytes + lengthBytes > sourceBytes) {
      return "a part of it lies beyond the end of the physical volume";
    }
    const last = places.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === offsetBytes) {
      places[places.length - 1] = { offsetBytes: last.offsetBytes, lengthBytes: last.lengthBytes + lengthBytes };
    } else places.push({ offsetBytes, lengthBytes });
  }
  return places;
}

function sizeOf(volume: LvmSection, extentBytes: number): number | null {
  const extents = segmentsOf(volume).reduce((sum, segment) => sum + numberOf(segment, "extent_count"), 0);
  const sizeBytes = extents * extentBytes;
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : null;
}

function isSection(value: LvmValue): value is LvmSection {
  return value instanceof Map;
}

function sectionOf(section: LvmSection, name: string): LvmSection {
  const value = section.get(name);
  return value !== undefined && isSection(value) ? value : new Map<string, LvmValue>();
}

function listOf(section: LvmSection, name: string): readonly LvmValue[] {
  const value = section.get(name);
  return Array.isArray(value) ? (value as readonly LvmValue[]) : [];
}

function textOf(section: LvmSection, name: string): string | null {
  const value = section.get(name);
  return typeof value === "string" ? shown(value) : null;
}

function shown(text: string): string {
  return visibleText(text.slice(0, MAX_SHOWN));
}

function numberOf(section: LvmSection, name: string): number {
  const value = section.get(name);
  if (typeof value === "number" && value >= 0) return value;
  throw corrupt(`${name} is not a whole number`);
}

function bytesOf(section: LvmSection, name: string): number {
  const bytes = numberOf(section, name) * SECTOR_BYTES;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw corrupt(`${name} is too large`);
}

function corrupt(found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `LVM metadata: ${found}`);
}
