import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { dirname } from "node:path";

import { diskOpenFailure } from "#disk/open-failure.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError } from "#errors/errors.ts";
import { readFileKey } from "#linux/file-key.ts";
import { O_TMPFILE, cloneFile, copyNoCow } from "#linux/libc.ts";

/** A copy of an image as it was at one instant, sharing its blocks, for as long as it is open. */
export type FrozenFile = AsyncDisposable & {
  /** Of this process only. Opens like a file; has no folder and cannot be resolved. */
  readonly path: string;
};

/**
 * Freezes an image by a reflink, where the file system can (XFS, Btrfs).
 *
 * The copy never has a name, so a process that is killed leaves nothing behind. What a guest has not yet flushed is not
 * in it: it is what the disk would hold after a power cut.
 *
 * @throws {LockstepError} DISK_MISSING, DISK_DENIED (needs to read the file and to write in its folder).
 *   SNAPSHOT_UNSUPPORTED: the file system cannot. SYSTEM_CALL_FAILED: it can, but has no room, for instance
 */
export async function freezeByReflink(path: string, signal: AbortSignal): Promise<FrozenFile> {
  signal.throwIfAborted();
  const source = await openSource(path);
  let copy: FileHandle | null = null;
  try {
    if (!(await source.stat()).isFile()) throw notOn(path, "a block device");
    const folder = dirname(await realpath(path));
    copy = await openNameless(folder, path);
    copyNoCow(copy.fd, source.fd); // Btrfs clones only between files that agree in it
    const failure = cloneFile(copy.fd, source.fd);
    if (failure !== null) throw await cloneFailure(failure, path);
  } catch (error) {
    await copy?.close();
    throw error;
  } finally {
    await source.close();
  }
  const frozen = copy;
  return { path: `/proc/self/fd/${frozen.fd}`, [Symbol.asyncDispose]: async () => frozen.close() };
}

async function openSource(path: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK: opening a pipe without a writer must not block.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw diskOpenFailure(path, error);
  }
}

async function openNameless(folder: string, path: string): Promise<FileHandle> {
  try {
    return await open(folder, constants.O_RDWR | O_TMPFILE, 0o600);
  } catch (error) {
    const name = systemErrorName(error);
    // EISDIR: the file system does not know O_TMPFILE, so it is none of those that can clone.
    if (name === "EISDIR" || name === "ENOTSUP" || name === "EROFS") throw await unsupported(path, name);
    throw diskOpenFailure(folder, error);
  }
}

const cannotClone: ReadonlySet<string> = new Set([
  "ENOTSUP",
  "EINVAL",
  "EXDEV",
  "ENOTTY",
  "ENOSYS",
  "ETXTBSY",
  "EROFS",
]);

async function cloneFailure(name: string, path: string): Promise<LockstepError> {
  if (cannotClone.has(name)) {
    return unsupported(path, name);
  }
  return new LockstepError("SYSTEM_CALL_FAILED", `freezing ${path}: ioctl(FICLONE) failed: ${name}`);
}

async function unsupported(path: string, name: string): Promise<LockstepError> {
  return notOn(path, (await readFileKey(path)).mount?.type ?? "this file system", name);
}

function notOn(path: string, where: string, name?: string): LockstepError {
  const why = name === undefined ? "" : ` (${name})`;
  return new LockstepError("SNAPSHOT_UNSUPPORTED", `freezing ${path}: no reflinks on ${where}${why}`, {
    hint: "Reflinks need an image file on XFS or Btrfs. Otherwise shut the machine down, or snapshot the volume below and back that up.",
  });
}
