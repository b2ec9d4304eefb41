import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";

import type { DiskIdentity, DiskSource } from "#disk/contract.ts";
import { openDirect } from "#disk/direct-io.ts";
import { FileDisk } from "#disk/file-disk.ts";
import { type ImageFormat, headBytes, qemuNames, recogniseFormat, tailBytes } from "#disk/format.ts";
import { readLayoutHash } from "#disk/identity.ts";
import { diskOpenFailure } from "#disk/open-failure.ts";
import { readAt } from "#disk/positioned-io.ts";
import { isMediumError, unreadable } from "#disk/unreadable.ts";
import { watchWrites } from "#disk/write-watch.ts";
import { LockstepError } from "#errors/errors.ts";
import { blockDeviceFolder, readStableId } from "#linux/block-device.ts";
import { deviceNumber } from "#linux/device-number.ts";
import { blockDeviceSize } from "#linux/libc.ts";

export type OpenDiskOptions = {
  /** Takes the bytes as they are though they begin or end like an image format. */
  readonly assumeRaw?: boolean;
  /** Alignment of the ranges that `dataRanges` gives; 64 KiB by default. */
  readonly alignmentBytes?: number;
  /** The path for messages, where `path` is not what the user named (a frozen copy). */
  readonly shownAs?: string;
};

/**
 * Opens an image file or block device to be read, and begins to watch it for writes.
 *
 * Does not look for others that use it: see `findHolders`.
 *
 * @param path  links are followed
 * @throws {LockstepError} DISK_MISSING, DISK_DENIED. DISK_UNSUPPORTED: no disk (a folder, a socket, an empty file), one
 *   of 2^53 bytes or more, or an image format that is not raw. DISK_UNREADABLE: what was written before could not be brought to the medium
 */
export async function openDisk(path: string, options: OpenDiskOptions, signal: AbortSignal): Promise<DiskSource> {
  signal.throwIfAborted();
  const shown = options.shownAs ?? path;
  const buffered = await openChecked(path, shown);
  let direct: FileHandle | null = null;
  try {
    const kind = (await buffered.stat()).isBlockDevice() ? "block" : "file";
    const sizeBytes = kind === "block" ? blockDeviceSize(buffered.fd) : (await buffered.stat()).size;
    if (sizeBytes === 0) throw unsupported(shown, kind === "file" ? "the file is empty" : "the device has no medium");
    if (sizeBytes > Number.MAX_SAFE_INTEGER) {
      throw unsupported(shown, `it is larger than the ${Number.MAX_SAFE_INTEGER} bytes that a disk may have here`);
    }
    if (options.assumeRaw !== true) await refuseFormats(buffered, sizeBytes, shown);

    // Before the watch begins, so that nothing written earlier moves a time or a counter later.
    await syncSource(buffered, sizeBytes, shown);
    const watch = await watchWrites(buffered);
    direct = await openDirect(buffered, constants.O_RDONLY);
    const identity = await readIdentity(buffered, kind, sizeBytes, signal);
    const alignmentBytes = options.alignmentBytes ?? 64 * 1024;
    return new FileDisk({ path: shown, identity, buffered, direct, alignmentBytes, watch });
  } catch (error) {
    await direct?.close();
    await buffered.close();
    throw error;
  }
}

/** Looks before it opens, for opening a pipe waits and opening some devices does something. */
async function openChecked(path: string, shown: string): Promise<FileHandle> {
  let file: FileHandle | null = null;
  try {
    const looked = await stat(path, { bigint: true });
    const what = nameOfNoDisk(looked);
    if (what !== null) throw unsupported(shown, `it is ${what}`);
    file = await open(path, constants.O_RDONLY);
    const opened = await file.stat({ bigint: true });
    if (opened.dev !== looked.dev || opened.ino !== looked.ino) {
      throw new LockstepError("DISK_IN_USE", `opening ${shown}: it was replaced at this very moment`, {
        hint: "Try again.",
      });
    }
    return file;
  } catch (error) {
    await file?.close();
    throw diskOpenFailure(shown, error);
  }
}

/** What a path leads to when it is neither a file nor a block device; null when it is one of the two. */
export function nameOfNoDisk(found: {
  isFile(): boolean;
  isBlockDevice(): boolean;
  isDirectory(): boolean;
  isCharacterDevice(): boolean;
  isFIFO(): boolean;
}): string | null {
  if (found.isFile() || found.isBlockDevice()) return null;
  if (found.isDirectory()) return "a folder";
  if (found.isCharacterDevice()) return "a character device";
  return found.isFIFO() ? "a pipe" : "a socket";
}

/**
 * Refuses an image format that is not raw.
 *
 * @throws {LockstepError} DISK_UNSUPPORTED
 */
async function refuseFormats(file: FileHandle, sizeBytes: number, shown: string): Promise<void> {
  const format = await readFormat(file, sizeBytes);
  if (format !== null) {
    throw new LockstepError("DISK_UNSUPPORTED", `opening ${shown}: it is a ${format} image, not a raw one`, {
      hint: `Convert it: qemu-img convert -f ${qemuNames[format]} -O raw '${shown}' '${shown}.raw'`,
    });
  }
}

/** The format of an open image; null for a raw one. What cannot be read does not look like any format. */
export async function readFormat(file: FileHandle, sizeBytes: number): Promise<ImageFormat | null> {
  const head = new Uint8Array(Math.min(headBytes, sizeBytes));
  const tail = new Uint8Array(Math.min(tailBytes, sizeBytes));
  await readOrZeros(file, 0, head);
  await readOrZeros(file, sizeBytes - tail.length, tail);
  return recogniseFormat(head, tail);
}

async function readOrZeros(file: FileHandle, offsetBytes: number, into: Uint8Array): Promise<boolean> {
  try {
    await readAt(file, offsetBytes, into);
    return true;
  } catch (error) {
    if (!isMediumError(error)) throw error;
    into.fill(0);
    return false;
  }
}

/** A layout that cannot be read whole has no hash: half a hash would be another disk's. */
async function readIdentity(
  file: FileHandle,
  kind: DiskIdentity["kind"],
  sizeBytes: number,
  signal: AbortSignal,
): Promise<DiskIdentity> {
  let isReadable = true;
  const read = async (offsetBytes: number, into: Uint8Array): Promise<void> => {
    signal.throwIfAborted();
    isReadable = (await readOrZeros(file, offsetBytes, into)) && isReadable;
  };
  const layoutHash = await readLayoutHash(read, sizeBytes);
  return { kind, stableId: await stableIdOf(file, kind), sizeBytes, layoutHash: isReadable ? layoutHash : null };
}

async function stableIdOf(file: FileHandle, kind: DiskIdentity["kind"]): Promise<string | null> {
  if (kind === "file") return null;
  const folder = await blockDeviceFolder(deviceNumber((await file.stat({ bigint: true })).rdev));
  return folder === null ? null : readStableId(folder);
}

async function syncSource(file: FileHandle, sizeBytes: number, shown: string): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (isMediumError(error)) throw unreadable(shown, [{ offsetBytes: 0, lengthBytes: sizeBytes }], error);
    // EINVAL, EROFS: nothing to bring to a medium there
  }
}

function unsupported(shown: string, what: string): LockstepError {
  return new LockstepError("DISK_UNSUPPORTED", `opening ${shown}: ${what}`, {
    hint: "Name a raw image file or a block device.",
  });
}
