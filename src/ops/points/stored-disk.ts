import { LockstepError } from "#errors/errors.ts";
import type { StoredDisk } from "#ops/restore/restore-disk.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import { rootFromText } from "#vault/segments/pointer.ts";

/** A disk of a point, as it can be read. */
export function storedDisk(fold: Fold, disk: PointDisk): StoredDisk {
  const { name, sizeBytes } = disk;
  const blockBytes = fold.machine.disks.find(({ id }) => id === disk.disk)?.blockBytes;
  if (blockBytes === undefined) {
    throw new LockstepError("LOG_CORRUPT", `The log does not define disk ${name} (${disk.disk}), which a point has.`, {
      hint: "Run 'lockstep vault check'.",
    });
  }
  const tree = { root: rootFromText(disk.root), blocks: Math.ceil(sizeBytes / blockBytes) };
  return { disk: disk.disk, name, sizeBytes, blockBytes, tree };
}

/**
 * The disk of a point that somebody means.
 *
 * @param text  its name, or the start of its id, 4 digits or more
 * @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS
 */
export function findPointDisk(point: PointState, text: string): PointDisk {
  const named = point.disks.filter(({ name }) => name === text);
  const byId = /^[0-9a-f]{4,32}$/i.test(text)
    ? point.disks.filter(({ disk }) => disk.startsWith(text.toLowerCase()))
    : [];
  const found = named.length > 0 ? named : byId;
  const [disk, another] = found;
  if (disk === undefined) {
    throw new LockstepError("NAME_UNKNOWN", `The point has no disk "${text}".`, {
      hint: `It has ${point.disks.map(({ name }) => name).join(", ")}.`,
    });
  }
  if (another !== undefined) {
    throw new LockstepError("NAME_AMBIGUOUS", `The point has several disks "${text}".`, {
      hint: `Name one by its id: ${found.map(({ disk: id }) => id).join(", ")}.`,
    });
  }
  return disk;
}
