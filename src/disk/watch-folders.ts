import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";

import { type ImageFormat, recogniseFormat, tailBytes } from "#disk/format.ts";
import { partialSuffix } from "#disk/new-target.ts";
import { recogniseOther } from "#disk/other-file-types.ts";
import { readAt } from "#disk/positioned-io.ts";
import { systemErrorName } from "#disk/system-error.ts";

/** A file that looks like a machine's disk. */
export type FoundDisk = {
  readonly path: string;
  readonly format: "raw" | ImageFormat;
  readonly sizeBytes: number;
};

/** Folders in a watched folder are looked into down to this many levels. */
const MAX_DEPTH = 3;

/** A file without a disk's extension that is smaller than this is none. */
const MIN_RAW_BYTES = 1024 * 1024;

/** Enough to tell text from a disk and to reach the mark of an ISO image. */
const HEAD_BYTES = 36 * 1024;

const rawExtensions: ReadonlySet<string> = new Set([".raw", ".img"]);

/**
 * Finds files that look like disks, in folders and the folders in them, three levels deep: image formats by their magic
 * bytes, files called .raw or .img, and other files of 1 MiB and more that are neither text nor of another known type.
 *
 * Links to files are followed, links to folders are not; a file with several names is given once. Block devices are not
 * looked for.
 *
 * @returns  disks in order of their paths; `skipped` says in words what could not be looked at
 */
export async function findDisks(
  folders: readonly string[],
  signal: AbortSignal,
): Promise<{ disks: FoundDisk[]; skipped: string[] }> {
  const disks: FoundDisk[] = [];
  const skipped: string[] = [];
  const seen = new Set<string>();
  const skip = (path: string, error: unknown): void => {
    const name = systemErrorName(error);
    if (name === null) throw error;
    skipped.push(`${path} could not be looked at (${name})`);
  };

  const visitFile = async (path: string): Promise<void> => {
    const found = await stat(path);
    if (!found.isFile() || seen.has(`${found.dev}:${found.ino}`)) return;
    seen.add(`${found.dev}:${found.ino}`);
    const format = await readKind(path, found.size);
    if (format !== null) disks.push({ path, format, sizeBytes: found.size });
  };

  const visitFolder = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      signal.throwIfAborted();
      const path = join(folder, entry.name);
      try {
        if (entry.isDirectory() && depth < MAX_DEPTH) await visitFolder(path, depth + 1);
        else if (entry.isFile() || entry.isSymbolicLink()) await visitFile(path);
      } catch (error) {
        const isBroken = entry.isSymbolicLink() && systemErrorName(error) === "ENOENT";
        if (!isBroken) skip(path, error);
      }
    }
  };

  for (const folder of folders) {
    try {
      await visitFolder(folder, 0);
    } catch (error) {
      skip(folder, error);
    }
  }
  disks.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { disks, skipped };
}

/** The format of a file that looks like a disk; null for any other file. */
async function readKind(path: string, sizeBytes: number): Promise<FoundDisk["format"] | null> {
  if (sizeBytes === 0 || path.endsWith(partialSuffix)) return null;
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const head = await readPart(file, 0, Math.min(HEAD_BYTES, sizeBytes));
    const tail = await readPart(file, Math.max(0, sizeBytes - tailBytes), Math.min(tailBytes, sizeBytes));
    const format = recogniseFormat(head, tail);
    if (format !== null) return format;
    if (rawExtensions.has(extname(path).toLowerCase())) return "raw";
    return sizeBytes >= MIN_RAW_BYTES && recogniseOther(head) === null ? "raw" : null;
  } finally {
    await file.close();
  }
}

async function readPart(file: FileHandle, offsetBytes: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, await readAt(file, offsetBytes, bytes));
}
