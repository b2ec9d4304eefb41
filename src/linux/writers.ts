import { constants } from "node:fs";
import { readFile, readdir, readlink, stat } from "node:fs/promises";

import { deviceNumberFromHex } from "#linux/device-number.ts";
import type { FileKey } from "#linux/file-key.ts";
import { readAttribute } from "#linux/kernel-text.ts";

/** A process that can write to a file or device at this moment. */
export type Writer = { readonly pid: number; readonly command: string; readonly how: "open" | "mapped" };

/**
 * Finds the processes, this one apart, that have a file open for writing or mapped shared and writable.
 *
 * @param key          the file, or the device node
 * @param deviceIds    for a device, its number and those of devices whose bytes overlap with it (stat's `rdev`)
 * @returns            `unseen` counts processes that this user may not look into
 */
export async function findWriters(
  key: FileKey,
  deviceIds: ReadonlySet<bigint>,
  signal: AbortSignal,
): Promise<{ writers: Writer[]; unseen: number }> {
  const writers: Writer[] = [];
  let unseen = 0;
  for (const name of await readdir("/proc")) {
    signal.throwIfAborted();
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const how = await waysToWrite(pid, key, deviceIds);
      if (how !== null) writers.push({ pid, command: (await readAttribute(`/proc/${pid}/comm`)) ?? "unknown", how });
    } catch (error) {
      if (!isGone(error)) unseen++;
    }
  }
  return { writers, unseen };
}

async function waysToWrite(pid: number, key: FileKey, deviceIds: ReadonlySet<bigint>): Promise<Writer["how"] | null> {
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const open = await Promise.all(descriptors.map(async (fd) => isOpenForWriting(pid, fd, key, deviceIds)));
  if (open.includes(true)) return "open";
  // A mapping outlives the descriptor that it was made with.
  return isMappedWritable(await readFile(`/proc/${pid}/maps`, "utf8"), key) ? "mapped" : null;
}

async function isOpenForWriting(
  pid: number,
  fd: string,
  key: FileKey,
  deviceIds: ReadonlySet<bigint>,
): Promise<boolean> {
  try {
    const link = `/proc/${pid}/fd/${fd}`;
    if (!(await readlink(link)).startsWith("/")) return false; // a socket, a pipe and their like
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8");
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? "0", 8);
    if ((flags & (constants.O_WRONLY | constants.O_RDWR)) === 0) return false;
    // Since 5.14 the kernel prints the inode. It spares asking a file system that may be a server out of reach.
    const inode = /^ino:\s*(\d+)$/m.exec(info)?.[1];
    if (deviceIds.size === 0 && inode !== undefined && BigInt(inode) !== key.stat.ino) return false;
    const found = await stat(link, { bigint: true });
    if (found.isBlockDevice()) return deviceIds.has(found.rdev);
    return found.dev === key.stat.dev && found.ino === key.stat.ino;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** @param maps  the text of /proc/PID/maps, see proc_pid_maps(5) */
export function isMappedWritable(maps: string, key: Pick<FileKey, "superblock"> & { stat: { ino: bigint } }): boolean {
  for (const [, device = "", inode = ""] of maps.matchAll(/^\S+ .w.s \S+ (\S+) (\d+)/gm)) {
    if (BigInt(inode) === key.stat.ino && deviceNumberFromHex(device) === key.superblock) return true;
  }
  return false;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH");
}
