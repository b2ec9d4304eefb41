import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";

import type { DiskTarget } from "#disk/contract.ts";
import { openDirect } from "#disk/direct-io.ts";
import { FileTarget } from "#disk/file-target.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { lockFile } from "#linux/libc.ts";
import { renameToNew } from "#linux/rename.ts";

/** What is added to the path of a file that is not whole yet. */
export const partialSuffix = ".lockstep-partial";

/** A file that gets its name when it is finished. */
export type NewFileTarget = DiskTarget & {
  readonly partialPath: string;
  /** True when a partial file was there and is gone on with. Where it is false, nothing is written yet, whatever a journal says. */
  readonly resumed: boolean;
};

/**
 * Begins a new file of `sizeBytes`, all hole, beside the name that it gets when it is finished.
 *
 * Readable and writable by its owner only. Locked, so that two restores cannot write one partial file.
 *
 * @param options.resume  goes on with the partial file that an interrupted restore left, if there is one. What is in it
 *   is not looked at: the caller that resumes knows what was flushed
 * @throws {LockstepError} TARGET_EXISTS: `path`, or its partial file and `resume` was not asked for, or a partial file
 *   of another size. TARGET_IN_USE: another restore writes it. TARGET_MISSING: no such folder. TARGET_DENIED. TARGET_FULL
 */
export async function createFileTarget(
  path: string,
  sizeBytes: number,
  options: { readonly resume?: boolean },
  signal: AbortSignal,
): Promise<NewFileTarget> {
  signal.throwIfAborted();
  const partialPath = `${path}${partialSuffix}`;
  await refuseExisting(path);
  const { file, resumed } = await openPartial(path, partialPath, options.resume === true);
  let direct: FileHandle | null = null;
  try {
    if (!lockFile(file.fd)) {
      throw new LockstepError("TARGET_IN_USE", `restoring to ${path}: another restore is writing ${partialPath}`, {
        hint: "Wait for it or stop it.",
      });
    }
    await sizePartial(file, path, partialPath, sizeBytes, resumed);
    await syncFolder(path);
    direct = await openDirect(file, constants.O_RDWR);
  } catch (error) {
    await direct?.close();
    await file.close();
    throw targetFailure(`creating ${partialPath}`, error);
  }
  const target = new FileTarget({
    path,
    kind: "file",
    sizeBytes,
    startsZeroed: true,
    buffered: file,
    direct,
    publish: async () => publish(partialPath, path),
  });
  return Object.assign(target, { partialPath, resumed });
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (systemErrorName(error) === "ENOENT") return;
    throw targetFailure(`restoring to ${path}`, error);
  }
  throw exists(path);
}

function exists(path: string): LockstepError {
  return new LockstepError("TARGET_EXISTS", `restoring to ${path}: something of that name exists`, {
    hint: "Name a new file, or overwrite what is there with --in-place.",
  });
}

/** Does not follow a link: another user with write access to the folder could point one at any file. */
async function openPartial(
  path: string,
  partialPath: string,
  resume: boolean,
): Promise<{ file: FileHandle; resumed: boolean }> {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    return { file: await open(partialPath, flags, 0o600), resumed: false };
  } catch (error) {
    if (systemErrorName(error) !== "EEXIST") throw targetFailure(`creating ${partialPath}`, error);
  }
  if (!resume) {
    throw new LockstepError("TARGET_EXISTS", `restoring to ${path}: an interrupted restore left ${partialPath}`, {
      hint: "Run that restore again to go on with it, or delete the partial file.",
    });
  }
  try {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return { file: await open(partialPath, flags), resumed: true };
  } catch (error) {
    throw targetFailure(`opening ${partialPath}`, error);
  }
}

/** A size of 0 is a partial file whose maker ended before it gave it a size. */
async function sizePartial(
  file: FileHandle,
  path: string,
  partialPath: string,
  sizeBytes: number,
  resumed: boolean,
): Promise<void> {
  const found = await file.stat();
  if (resumed && (!found.isFile() || (found.size !== sizeBytes && found.size !== 0))) {
    throw new LockstepError("TARGET_EXISTS", `restoring to ${path}: ${partialPath} belongs to another restore`, {
      hint: `It has ${found.size} bytes and should have ${sizeBytes}. Delete it, or restore to another name.`,
    });
  }
  if (found.size !== sizeBytes) await file.truncate(sizeBytes);
}

/** The file, whole and on the medium, gets its name; what has that name meanwhile is left as it is. */
async function publish(partialPath: string, path: string): Promise<void> {
  const failure = renameToNew(partialPath, path);
  if (failure === "EEXIST") throw exists(path);
  if (failure !== null) await linkInstead(partialPath, path);
  await syncFolder(path);
}

/** For file systems without RENAME_NOREPLACE, such as NFS and FUSE: a link does not replace either. */
async function linkInstead(partialPath: string, path: string): Promise<void> {
  try {
    await link(partialPath, path);
    await unlink(partialPath);
  } catch (error) {
    if (systemErrorName(error) === "EEXIST") throw exists(path);
    throw targetFailure(`naming ${partialPath} ${path}`, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } catch (error) {
    throw targetFailure(`flushing the folder of ${path}`, error);
  } finally {
    await folder.close();
  }
}
