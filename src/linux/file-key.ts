import type { BigIntStats } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";

import { deviceNumber } from "#linux/device-number.ts";
import { O_PATH } from "#linux/libc.ts";
import { type Mount, readMounts } from "#linux/mounts.ts";

/** What the kernel's own tables know a file or device node by. */
export type FileKey = {
  readonly stat: BigIntStats;
  /**
   * Device number of the superblock that holds it, such as `8:1`. /proc/locks and /proc/PID/maps print this one, which on Btrfs and
   * overlays is not the device that stat(2) gives.
   */
  readonly superblock: string;
  /** Null where it is mounted outside of what this process can see. */
  readonly mount: Mount | null;
};

/**
 * Looks a file up without opening it for reading, so no permission on the file itself is needed.
 *
 * @throws the system's error when there is no such file
 */
export async function readFileKey(path: string): Promise<FileKey> {
  const handle = await open(path, O_PATH);
  try {
    const stat = await handle.stat({ bigint: true });
    const info = await readFile(`/proc/self/fdinfo/${handle.fd}`, "utf8");
    const mountId = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1]);
    const mount = (await readMounts()).find(({ id }) => id === mountId) ?? null;
    return { stat, superblock: mount?.device ?? deviceNumber(stat.dev), mount };
  } finally {
    await handle.close();
  }
}

/** Whether a path leads to the same file or, by another node too, the same device; false where it leads nowhere. */
export async function isSameFile(path: string, key: FileKey): Promise<boolean> {
  try {
    const found = await stat(path, { bigint: true });
    if (found.isBlockDevice()) return key.stat.isBlockDevice() && found.rdev === key.stat.rdev;
    return found.dev === key.stat.dev && found.ino === key.stat.ino;
  } catch {
    return false;
  }
}
