import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";

import type { DiskTarget } from "#disk/contract.ts";
import { openDirect } from "#disk/direct-io.ts";
import { FileTarget } from "#disk/file-target.ts";
import { describeHolders } from "#disk/holder.ts";
import { findHolders } from "#disk/holders.ts";
import { nameOfNoDisk, readFormat } from "#disk/open.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { blockDeviceFolder, isReadOnly } from "#linux/block-device.ts";
import { deviceNumber } from "#linux/device-number.ts";
import { blockDeviceSize, lockFile } from "#linux/libc.ts";

/**
 * Opens a file or block device that exists, to be overwritten in place.
 *
 * A block device is claimed, so that nobody can mount it meanwhile; a file is locked against other restores.
 *
 * @param neededBytes      how much will be written; a target that is longer keeps its size, see `resize`
 * @param options.assumeRaw  overwrites an image that is not raw
 * @throws {LockstepError} TARGET_MISSING, TARGET_DENIED. TARGET_UNSUPPORTED: no file or block device, or an image format
 *   that is not raw. TARGET_TOO_SMALL. TARGET_IN_USE: somebody has it open for writing, locked, mounted, even read-only
 */
export async function openExistingTarget(
  path: string,
  neededBytes: number,
  options: { readonly assumeRaw?: boolean },
  signal: AbortSignal,
): Promise<DiskTarget> {
  const doing = `overwriting ${path}`;
  const found = await lookedAt(path, doing);
  const what = nameOfNoDisk(found);
  if (what !== null) throw unsupported(doing, `it is ${what}`, "Name an image file or a block device.");
  const kind = found.isBlockDevice() ? "block" : "file";
  if (kind === "block") await refuseReadOnly(doing, found.rdev);
  const { holders } = await findHolders(path, signal);
  if (holders.length > 0) throw inUse(doing, describeHolders(holders));

  let file: FileHandle | null = null;
  let direct: FileHandle | null = null;
  try {
    file = await open(path, constants.O_RDWR | (kind === "block" ? constants.O_EXCL : 0));
    const opened = await file.stat({ bigint: true });
    if (opened.dev !== found.dev || opened.ino !== found.ino) throw inUse(doing, "it was replaced at this very moment");
    if (kind === "file" && !lockFile(file.fd)) throw inUse(doing, "another process has it locked");
    const sizeBytes = kind === "block" ? blockDeviceSize(file.fd) : Number(opened.size);
    const format = options.assumeRaw === true || sizeBytes === 0 ? null : await readFormat(file, sizeBytes);
    if (format !== null) {
      throw unsupported(doing, `it is a ${format} image, not a raw one`, "Restore to a new file, then convert that.");
    }
    if (sizeBytes < neededBytes) throw tooSmall(doing, kind, sizeBytes, neededBytes, path);
    direct = await openDirect(file, constants.O_RDWR);
    const publish = async (): Promise<void> => {}; // it has its name
    return new FileTarget({ path, kind, sizeBytes, startsZeroed: false, buffered: file, direct, publish });
  } catch (error) {
    await direct?.close();
    await file?.close();
    throw targetFailure(doing, error);
  }
}

/** The kernel lets root open such a device for writing, and refuses the writes. */
async function refuseReadOnly(doing: string, rdev: bigint): Promise<void> {
  const folder = await blockDeviceFolder(deviceNumber(rdev));
  if (folder === null || !(await isReadOnly(folder))) return;
  throw new LockstepError("TARGET_DENIED", `${doing}: the device is read-only`, {
    hint: "Make it writable, or restore to another place.",
  });
}

async function lookedAt(path: string, doing: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    throw targetFailure(doing, error);
  }
}

function unsupported(doing: string, what: string, hint: string): LockstepError {
  return new LockstepError("TARGET_UNSUPPORTED", `${doing}: ${what}`, { hint });
}

function inUse(doing: string, who: string): LockstepError {
  return new LockstepError("TARGET_IN_USE", `${doing}: ${who}`, {
    hint: "Shut the machine down, or unmount or detach the disk, and run the same command again.",
  });
}

function tooSmall(doing: string, kind: string, sizeBytes: number, neededBytes: number, path: string): LockstepError {
  const hint =
    kind === "file"
      ? `Lengthen it: truncate -s ${neededBytes} '${path}'`
      : "Enlarge the volume, or restore to another.";
  return new LockstepError("TARGET_TOO_SMALL", `${doing}: it has ${sizeBytes} bytes, ${neededBytes} are needed`, {
    hint,
  });
}
