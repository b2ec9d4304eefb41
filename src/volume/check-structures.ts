import { isZero } from "#bytes/arrays.ts";
import { isLockstepError } from "#errors/errors.ts";
import { findContent } from "#volume/content.ts";
import { btrfsStructures } from "#volume/filesystem/btrfs-structures.ts";
import { exfatStructures } from "#volume/filesystem/exfat-structures.ts";
import { extStructures } from "#volume/filesystem/ext-structures.ts";
import { ntfsStructures } from "#volume/filesystem/ntfs-structures.ts";
import type { ContentProblem, Recognised } from "#volume/filesystem/recognised.ts";
import type { Judgement, Structure, StructureFamily } from "#volume/filesystem/structure.ts";
import { xfsStructures } from "#volume/filesystem/xfs-structures.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { stretchedSource } from "#volume/source/stretched-source.ts";

/** What was found of structures that can be told to be right: those of a file system with checksums, of LVM, of a GPT. */
export type StructureCheck = {
  /** Something was recognised, with checksums or without. */
  readonly recognised: boolean;
  readonly right: number;
  /** All that were looked at and say something; 0 where nothing has checksums. */
  readonly asked: number;
};

/** A whole number from 0 to below `count`, chosen at random. */
export type Choose = (count: number) => number;

/** Of each kind of structure at most this many are looked at. */
const OF_A_FAMILY = 6;
/** So many logical volumes of a physical one are looked into. */
const LOGICAL_VOLUMES = 3;

type FindStructures = (source: VolumeSource, signal: AbortSignal) => Promise<readonly StructureFamily[]>;

const finders: Readonly<Record<string, FindStructures>> = {
  ext2: extStructures,
  ext3: extStructures,
  ext4: extStructures,
  xfs: xfsStructures,
  btrfs: btrfsStructures,
  ntfs: ntfsStructures,
  exfat: exfatStructures,
};

/**
 * Recognises what a plain volume holds and looks at structures of it that can be told to be right, at places chosen at random
 * among those that the format has; in a physical volume of LVM, some logical volumes too. Reads that do not depend on one
 * another are begun together.
 *
 * A structure that cannot be read counts as wrong; one of zeros was never written, or was discarded, and shows nothing. Reads
 * less than 8 MiB.
 *
 * @throws {LockstepError} what the source throws, but for DISK_UNREADABLE
 */
export async function checkStructures(
  source: VolumeSource,
  choose: Choose,
  signal: AbortSignal,
): Promise<StructureCheck> {
  return check(source, true, choose, signal);
}

/** @param looksInside  into logical volumes, in which no others are looked for */
async function check(
  source: VolumeSource,
  looksInside: boolean,
  choose: Choose,
  signal: AbortSignal,
): Promise<StructureCheck> {
  try {
    const content = await findContent(source, signal);
    if (content === null) return { recognised: false, right: 0, asked: 0 };
    const wrong = content.problems.filter((problem) => showsDamage(problem, content)).length;
    const isShown = content.verified === "checksum" && content.copy.which === "first";
    const found = [
      isShown ? { right: 1, asked: 1 + wrong } : { right: 0, asked: wrong },
      ...(isShown ? [await checkFamilies(content.type, source, choose, signal)] : []),
      ...(looksInside ? await checkLogicalVolumes(content, source, choose, signal) : []),
    ];
    return {
      recognised: true,
      right: found.reduce((sum, { right }) => sum + right, 0),
      asked: found.reduce((sum, { asked }) => sum + asked, 0),
    };
  } catch (error) {
    if (!isLockstepError(error, "DISK_UNREADABLE")) throw error;
    return { recognised: false, right: 0, asked: 1 };
  }
}

/**
 * Whether a problem means that something that was right once no longer is. FAT and MBR have nothing that could show it; a GPT
 * whose copy is not at the end, as after a disk has grown, and LVM text that is not understood here are no damage.
 */
function showsDamage({ code }: ContentProblem, { verified, type }: Recognised): boolean {
  switch (code) {
    case "COPY_DAMAGED":
    case "CHECKSUM_WRONG":
      return true;
    case "BEYOND_VOLUME":
      return verified === "checksum";
    case "INCONSISTENT":
      return type === "ntfs";
    case "OTHER_SIGNATURE":
      return false;
    default:
      return code satisfies never;
  }
}

type Counts = Pick<StructureCheck, "right" | "asked">;

async function checkFamilies(type: string, source: VolumeSource, choose: Choose, signal: AbortSignal): Promise<Counts> {
  const families = (await finders[type]?.(source, signal)) ?? [];
  const structures = families.flatMap(({ count, at }) => chosen(count, OF_A_FAMILY, choose).map(at));
  const judgements = await Promise.all(structures.map((structure) => judgementOf(structure, source, signal)));
  const count = (wanted: Judgement): number => judgements.filter((judgement) => judgement === wanted).length;
  return { right: count("right"), asked: count("right") + count("wrong") };
}

async function judgementOf({ place, judge }: Structure, source: VolumeSource, signal: AbortSignal): Promise<Judgement> {
  try {
    const bytes = await readUpTo(source, place.offsetBytes, place.lengthBytes, signal);
    return bytes.length > 0 && isZero(bytes) ? "shows nothing" : await judge(bytes);
  } catch (error) {
    if (isLockstepError(error, "DISK_UNREADABLE")) return "wrong";
    throw error;
  }
}

async function checkLogicalVolumes(
  { lvm }: Recognised,
  source: VolumeSource,
  choose: Choose,
  signal: AbortSignal,
): Promise<readonly Counts[]> {
  const visible = (lvm?.logicalVolumes ?? []).filter((volume) => volume.visible);
  const placed = visible.map(({ stretches }) => stretches).filter((stretches) => stretches !== null);
  const volumes = chosen(placed.length, LOGICAL_VOLUMES, choose).map((index) => placed[index] ?? []);
  return Promise.all(volumes.map((stretches) => check(stretchedSource(source, stretches), false, choose, signal)));
}

/** `most` different numbers below `count`, one from each of as many equal parts; all of them where they are few. */
function chosen(count: number, most: number, choose: Choose): readonly number[] {
  const parts = Math.min(count, most);
  return Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * count) / parts);
    const to = Math.floor(((part + 1) * count) / parts);
    return from + choose(to - from);
  });
}
