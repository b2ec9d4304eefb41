import { constants } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";

import type { Holder } from "#disk/holder.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { type BlockDevice, isReadOnly, readOverlapping } from "#linux/block-device.ts";
import { deviceNumber } from "#linux/device-number.ts";
import { type FileKey, isSameFile } from "#linux/file-key.ts";
import { readAttribute } from "#linux/kernel-text.ts";
import { readMounts } from "#linux/mounts.ts";

/** Mounts of the devices, and what is stacked on them; `prefix` begins each sentence's subject for a loop's device. */
export async function findDeviceUses(devices: readonly BlockDevice[], prefix: string): Promise<Holder[]> {
  const holders: Holder[] = [];
  const mounts = await readMounts();
  const btrfs = await btrfsMembers();
  for (const { name, number, folder } of devices) {
    const subject = `${prefix}/dev/${name}`;
    for (const mount of mounts) {
      const isMember = mount.type === "btrfs" && (await isDevice(mount.source, number));
      if (mount.device !== number && !isMember) continue;
      const how = mount.writable ? "" : " read-only";
      const words = `${subject} is mounted${how} at ${mount.mountPoint} (${mount.type})`;
      holders.push({ kind: "mount", mayWrite: mount.writable, words });
    }
    if (btrfs.has(name) && !holders.some(({ kind }) => kind === "mount")) {
      holders.push({ kind: "mount", mayWrite: true, words: `${subject} belongs to a mounted Btrfs file system` });
    }
    for (const upper of await readdirOrNone(`${folder}/holders`)) {
      const label = (await readAttribute(`${folder}/holders/${upper}/dm/name`)) ?? upper;
      const mayWrite = !(await isReadOnly(`${folder}/holders/${upper}`));
      holders.push({
        kind: "stack",
        mayWrite,
        words: `${label} (/dev/${upper}) is stacked on ${subject}`,
      });
    }
  }
  return holders;
}

async function isDevice(path: string, number: string): Promise<boolean> {
  if (!path.startsWith("/")) return false;
  try {
    const found = await stat(path, { bigint: true });
    return found.isBlockDevice() && deviceNumber(found.rdev) === number;
  } catch {
    return false;
  }
}

/** Names of all devices of mounted Btrfs file systems; mountinfo names one of each only. */
async function btrfsMembers(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const id of await readdirOrNone("/sys/fs/btrfs")) {
    for (const name of await readdirOrNone(`/sys/fs/btrfs/${id}/devices`)) names.add(name);
  }
  return names;
}

/** Loop devices that a file is attached to, and what uses those. */
export async function findLoops(key: FileKey): Promise<Holder[]> {
  const holders: Holder[] = [];
  for (const name of await readdirOrNone("/sys/block")) {
    const backing = await readAttribute(`/sys/block/${name}/loop/backing_file`);
    if (backing === null || !(await isSameFile(backing, key))) continue;
    const mayWrite = !(await isReadOnly(`/sys/block/${name}`));
    const how = mayWrite ? "" : " read-only";
    holders.push({
      kind: "loop",
      mayWrite,
      words: `it is attached${how} to the loop device /dev/${name}`,
    });
    const devices = await readOverlapping(await realpath(`/sys/block/${name}`));
    holders.push(...(await findDeviceUses(devices, "its loop device ")));
  }
  return holders;
}

/**
 * Asks the kernel whether the device is claimed, which also tells of mounts in other namespaces, ZFS, and processes that
 * opened it exclusively. Asked last, because for an instant the question is a claim itself.
 */
export async function findClaim(path: string): Promise<{ holder: Holder | null; blindSpot: string | null }> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_EXCL)).close();
    return { holder: null, blindSpot: null };
  } catch (error) {
    if (systemErrorName(error) === "EBUSY") {
      const words = "the kernel or another process has claimed it for itself";
      return { holder: { kind: "claim", mayWrite: true, words }, blindSpot: null };
    }
    return { holder: null, blindSpot: `whether it is claimed could not be asked (${systemErrorName(error)})` };
  }
}

async function readdirOrNone(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
