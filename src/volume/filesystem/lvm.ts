import { isLockstepError } from "#errors/errors.ts";
import { readLvmLabel, readLvmText, type LvmLabel } from "#volume/filesystem/lvm-areas.ts";
import { parseLvmText } from "#volume/filesystem/lvm-text.ts";
import { readVolumeGroup, type VolumeGroup } from "#volume/filesystem/lvm-volumes.ts";
import { beyond, noCopy, type ContentFormat, type ContentProblem } from "#volume/filesystem/recognised.ts";
import type { VolumeSource } from "#volume/source/source.ts";
import { visibleText, visibleUtf8 } from "#volume/source/visible-text.ts";

/** A physical volume has two areas at most when LVM made it: one at each end. */
const MAX_AREAS_READ = 2;

/**
 * LVM2 physical volumes, verified by the checksums of label, area header and text; of several metadata areas the newest
 * good one counts. The volume group's name is its label.
 */
export const lvm: ContentFormat = {
  name: "LVM2",
  async find(source, signal) {
    const label = await readLvmLabel(source, signal);
    if (label === null) return null;
    const message = `the checksum of the label at byte ${label.offsetBytes} is wrong`;
    const problems: ContentProblem[] = label.checksumFits ? [] : [{ code: "CHECKSUM_WRONG", message }];
    const group = label.checksumFits ? await readGroup(label, source, problems, signal) : null;
    return {
      kind: "lvm",
      type: "LVM2_member",
      variant: null,
      label: group?.name ?? null,
      uuid: label.pvId === "" ? null : pvUuidText(label.pvId),
      sizeBytes: label.sizeBytes,
      verified: label.checksumFits ? "checksum" : "magic only",
      copy: { which: "first", offsetBytes: label.offsetBytes },
      problems: [...problems, ...beyond(label.sizeBytes, source, "the LVM physical volume")],
      lvm: { group: group?.name ?? null, logicalVolumes: group?.logicalVolumes ?? [] },
    };
  },
  findCopy: noCopy,
};

async function readGroup(
  label: LvmLabel,
  source: VolumeSource,
  problems: ContentProblem[],
  signal: AbortSignal,
): Promise<VolumeGroup | null> {
  let newest: VolumeGroup | null = null;
  for (const area of label.metadataAreas.slice(0, MAX_AREAS_READ)) {
    const read = await readLvmText(source, area, signal);
    if ("none" in read) continue;
    if ("damaged" in read) {
      problems.push({ code: "COPY_DAMAGED", message: read.damaged });
      continue;
    }
    try {
      // names are ASCII; what else there may be (descriptions) is not looked at, so one byte is one character
      const text = new TextDecoder("latin1").decode(read.text);
      const group = readVolumeGroup(parseLvmText(text), label.pvId, source.sizeBytes);
      if (newest === null || group.sequence > newest.sequence) newest = group;
    } catch (error) {
      if (!isLockstepError(error, "HEADER_CORRUPT")) throw error;
      problems.push({ code: "INCONSISTENT", message: visibleText(error.message) });
    }
  }
  return newest;
}

/** LVM writes its ids in groups of 6, 4, 4, 4, 4, 4 and 6 characters. */
function pvUuidText(id: string): string {
  const text = id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/s, "$1-$2-$3-$4-$5-$6-$7");
  return visibleUtf8(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
