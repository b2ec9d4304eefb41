import { isLockstepError } from "#errors/errors.ts";
import type { Recognised } from "#volume/filesystem/recognised.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";
import type { PartitionTable } from "#volume/partitions/partition-table.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * A partition table as what a volume holds: a disk in a disk, such as one that QEMU encrypted as a whole, or a logical volume
 * that is some machine's disk. What is in its partitions is not looked at.
 *
 * A GPT has checksums; an MBR has none, so that only its entries are shown to be possible. One that is damaged past reading is
 * a mark.
 *
 * @returns null where there is none, or one without partitions, which says nothing
 * @throws {LockstepError} what the source throws
 */
export async function findPartitionTable(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null> {
  let table: PartitionTable | null;
  try {
    table = await readPartitionTable(source, signal);
  } catch (error) {
    if (!isLockstepError(error, "HEADER_CORRUPT")) throw error;
    const damaged = content("gpt", "magic only", null);
    return { ...damaged, problems: [{ code: "CHECKSUM_WRONG", message: error.message }] };
  }
  if (table === null || table.partitions.length === 0) return null;
  const { kind, partitions, id } = table;
  const counted = partitions.length === 1 ? "one partition" : `${partitions.length} partitions`;
  const found = content(kind === "gpt" ? "gpt" : "dos", kind === "gpt" ? "checksum" : "structure", id);
  const problems = table.problems.map(({ message }) => ({ code: "INCONSISTENT" as const, message }));
  return { ...found, variant: `${kind.toUpperCase()} with ${counted}`, problems };
}

function content(type: string, verified: Recognised["verified"], uuid: string | null): Recognised {
  return {
    kind: "partition table",
    type,
    variant: null,
    label: null,
    uuid,
    sizeBytes: null,
    verified,
    copy: { which: "first", offsetBytes: 0 },
    problems: [],
    lvm: null,
  };
}
