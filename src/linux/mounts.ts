import { readFile } from "node:fs/promises";

import { unescapePath } from "#linux/kernel-text.ts";

/** One line of /proc/self/mountinfo. */
export type Mount = {
  readonly id: number;
  /** Device number of the superblock, such as `8:1`; for Btrfs and other file systems of several devices a made-up one. */
  readonly device: string;
  readonly mountPoint: string;
  /** Such as `ext4`. */
  readonly type: string;
  /** What was mounted, most often a device's path. */
  readonly source: string;
  /** False when the file system itself, not only this mount of it, is read-only. */
  readonly writable: boolean;
};

/** @see Documentation/filesystems/proc.rst, section 3.5 */
export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const [before, after] = line.split(" - ");
    if (before === undefined || after === undefined) continue;
    const [id = "", , device = "", , mountPoint = ""] = before.split(" ");
    const [type = "", source = "", options = ""] = after.split(" ");
    mounts.push({
      id: Number(id),
      device,
      mountPoint: unescapePath(mountPoint),
      type,
      source: unescapePath(source),
      writable: !options.split(",").includes("ro"),
    });
  }
  return mounts;
}

/** What is mounted where this process can see it. */
export async function readMounts(): Promise<Mount[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
}
