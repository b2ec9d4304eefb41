import { shellWord } from "#bytes/shell-word.ts";
import { openExistingTarget } from "#disk/existing-target.ts";
import { fillTarget, requireRoom } from "#ops/restore/fill-target.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { MarkedTarget } from "#ops/restore/marked-target.ts";
import type { Restored } from "#ops/restore/restore-new-file.ts";
import type { PointDisk } from "#vault/entry/entry.ts";

/**
 * Makes a file or block device that exists what a disk of a point is, by writing only what differs. A file that is longer
 * is cut at the end; of a longer device the rest stays as it is.
 *
 * From before the first write until all is on the medium both ends of the disk carry a mark instead of their bytes: see
 * `MarkedTarget`. A second run goes on from there.
 *
 * @throws {LockstepError} TARGET_FULL (before anything is written where that is certain), and what `openExistingTarget`
 *   and `restoreDisk` throw
 */
export async function restoreInPlace(
  deps: RestoreDeps,
  disk: PointDisk,
  path: string,
  signal: AbortSignal,
): Promise<Restored> {
  const existing = await openExistingTarget(path, disk.sizeBytes, {}, signal);
  await using target = await openMarked(deps, disk, existing, signal);
  const surplusBytes = existing.sizeBytes - disk.sizeBytes;
  if (target.kind === "file")
    await requireRoom(`overwriting ${path}`, path, [{ dataBytes: disk.dataBytes, paths: [path] }]);
  const { incompleteBytes } = await fillMarked(deps, disk, target, signal);
  return {
    disk,
    path,
    writtenBytes: target.changedBytes,
    incompleteBytes,
    resumed: false,
    cutBytes: target.kind === "file" ? surplusBytes : 0,
    restBytes: target.kind === "file" ? 0 : surplusBytes,
  };
}

async function fillMarked(
  deps: RestoreDeps,
  disk: PointDisk,
  target: MarkedTarget,
  signal: AbortSignal,
): Promise<{ readonly incompleteBytes: number }> {
  try {
    const restored = await fillTarget(deps, disk, target, true, signal);
    await target.finish(signal);
    return restored;
  } catch (error) {
    if (target.isMarked) deps.unfinished(target.path);
    throw error;
  }
}

async function openMarked(
  { point, name }: RestoreDeps,
  disk: PointDisk,
  existing: Awaited<ReturnType<typeof openExistingTarget>>,
  signal: AbortSignal,
): Promise<MarkedTarget> {
  try {
    const mark = restoreMark({ point: point.point, name, disk: disk.name, path: existing.path });
    return await MarkedTarget.open(existing, disk.sizeBytes, mark, signal);
  } catch (error) {
    await existing[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a disk says of itself while it is being overwritten. */
function restoreMark(of: { point: string; name: string; disk: string; path: string }): string {
  return [
    "LOCKSTEP RESTORE NOT FINISHED",
    `point ${of.name} (${of.point})`,
    `disk ${of.disk}`,
    "This disk is neither what it was nor what it is to be. To go on, run:",
    `lockstep restore ${of.point} --disk ${of.disk} --to ${shellWord(of.path)} --in-place`,
    "",
  ].join("\n");
}
