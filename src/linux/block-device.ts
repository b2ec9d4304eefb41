import { readdir, realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";

import { readAttribute } from "#linux/kernel-text.ts";

/** A block device as /sys/dev/block knows it. */
export type BlockDevice = {
  /** Such as `sda1`. */
  readonly name: string;
  /** Such as `8:1`. */
  readonly number: string;
  /** Of its attributes. */
  readonly folder: string;
};

/** The device's folder in /sys, all links resolved; null when the kernel has no such device. */
export async function blockDeviceFolder(number: string): Promise<string | null> {
  try {
    return await realpath(`/sys/dev/block/${number}`);
  } catch {
    return null;
  }
}

/** The whole disk's folder when `folder` is a partition's; null otherwise. */
export async function wholeDiskFolder(folder: string): Promise<string | null> {
  return (await readAttribute(`${folder}/partition`)) === null ? null : dirname(folder);
}

/** Devices whose bytes overlap with the one of `folder`: itself, its partitions, and the disk that it is a partition of. */
export async function readOverlapping(folder: string): Promise<BlockDevice[]> {
  const folders = [folder];
  for (const entry of await readdir(folder)) {
    if ((await readAttribute(`${folder}/${entry}/partition`)) !== null) folders.push(`${folder}/${entry}`);
  }
  const whole = await wholeDiskFolder(folder);
  if (whole !== null) folders.push(whole);

  const devices: BlockDevice[] = [];
  for (const each of folders) {
    const number = await readAttribute(`${each}/dev`);
    if (number !== null) devices.push({ name: basename(each), number, folder: each });
  }
  return devices;
}

/**
 * What names the hardware or the volume, and stays the same across reboots and when the device gets another path.
 *
 * The first of these that there is: device-mapper's and md's UUID, the WWID (`wwid`, `device/wwid`), the serial number
 * (`device/serial`, `serial`). A partition's is its disk's with `#partN` added, N as in the partition table.
 *
 * @param folder  of the device in /sys, links resolved
 * @returns       null where there is none, as for loop devices and virtual disks without a serial number
 */
export async function readStableId(folder: string): Promise<string | null> {
  const partition = await readAttribute(`${folder}/partition`);
  if (partition !== null) {
    const whole = await readStableId(dirname(folder));
    return whole === null ? null : `${whole}#part${partition}`;
  }
  for (const [attribute, kind] of stableAttributes) {
    const value = await readAttribute(`${folder}/${attribute}`);
    if (value !== null) return `${kind}:${value.replace(/\s+/g, " ")}`;
  }
  return null;
}

const stableAttributes = [
  ["dm/uuid", "dm"],
  ["md/uuid", "md"],
  ["wwid", "wwid"],
  ["device/wwid", "wwid"],
  ["device/serial", "serial"],
  ["serial", "serial"],
] as const;

/** Whether the kernel refuses all writes to the device. */
export async function isReadOnly(folder: string): Promise<boolean> {
  return (await readAttribute(`${folder}/ro`)) === "1";
}

/** What was written to a block device so far; null when the kernel has no such device. */
export type WriteCounters = {
  /** 512-byte sectors that were written or discarded. Requests are no measure: a flush counts as one, ours too. */
  readonly sectors: bigint;
  readonly inFlight: bigint;
  /** False when the device's counting is switched off. */
  readonly counting: boolean;
};

/**
 * A disk's counters include those of its partitions, not the reverse.
 *
 * @see Documentation/block/stat.rst, Documentation/ABI/stable/sysfs-block
 */
export async function readWriteCounters(folder: string): Promise<WriteCounters | null> {
  const stat = await readAttribute(`${folder}/stat`);
  if (stat === null) return null;
  const fields = stat.split(/\s+/).map(BigInt);
  const field = (index: number): bigint => fields[index] ?? 0n;
  const inFlight = (await readAttribute(`${folder}/inflight`))?.split(/\s+/)[1] ?? "0";
  const whole = (await wholeDiskFolder(folder)) ?? folder;
  return {
    sectors: field(6) + field(13),
    inFlight: BigInt(inFlight),
    counting: (await readAttribute(`${whole}/queue/iostats`)) !== "0",
  };
}
