import { readdir, stat } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { join } from "node:path";

import { systemErrorName } from "#disk/system-error.ts";
import { blockDeviceFolder, wholeDiskFolder } from "#linux/block-device.ts";
import { deviceNumber } from "#linux/device-number.ts";
import { readFileKey } from "#linux/file-key.ts";
import { readAttribute } from "#linux/kernel-text.ts";

/** What something lies on: what each thing is known by, and whether it is encrypted on the way down. */
export type Storage = {
  /** `block 8:1` for devices, `file DEVICE:INODE` for images that loop devices have. */
  readonly below: ReadonlySet<string>;
  readonly isEncrypted: boolean;
};

/** The most layers of devices that are followed, so that a circle of them ends. */
const MAX_DEPTH = 32;

/**
 * Finds all that a file or folder lies on: its file system's device, what that is made of (dm-crypt, LVM, RAID), the disk of a partition,
 * and the image of a loop device with what that lies on. What a network or a hypervisor has below is not seen.
 *
 * @throws the system's error when there is no such file
 */
export async function storageBelow(path: string): Promise<Storage> {
  const walk = new Walk();
  await walk.file(path, 0);
  return walk;
}

/** What a disk itself is known by, in the words of `Storage.below`; null when it is not there. */
export async function storageOf(path: string): Promise<string | null> {
  try {
    return nameOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (systemErrorName(error) === null) throw error;
    return null;
  }
}

function nameOf(found: BigIntStats): string {
  return found.isBlockDevice() ? `block ${deviceNumber(found.rdev)}` : `file ${found.dev}:${found.ino}`;
}

class Walk implements Storage {
  readonly below = new Set<string>();
  isEncrypted = false;

  async file(path: string, depth: number): Promise<void> {
    const { stat: found, superblock, mount } = await readFileKey(path);
    if (found.isBlockDevice()) return this.device(deviceNumber(found.rdev), depth);
    await this.device(superblock, depth);
    // File systems of several devices have a number of no device; what was mounted names one of them.
    const source = mount?.source ?? "";
    if (!source.startsWith("/dev/")) return;
    const device = await stat(source, { bigint: true }).catch(() => null);
    if (device?.isBlockDevice() === true) await this.device(deviceNumber(device.rdev), depth);
  }

  async device(number: string, depth: number): Promise<void> {
    const name = `block ${number}`;
    if (depth > MAX_DEPTH || this.below.has(name)) return;
    const folder = await blockDeviceFolder(number);
    if (folder === null) return;
    this.below.add(name);
    if ((await readAttribute(`${folder}/dm/uuid`))?.startsWith("CRYPT-") === true) this.isEncrypted = true;
    const parts = [await wholeDiskFolder(folder), ...(await slaves(folder))];
    for (const part of parts) {
      const below = part === null ? null : await readAttribute(`${part}/dev`);
      if (below !== null) await this.device(below, depth + 1);
    }
    const image = await readAttribute(`${folder}/loop/backing_file`);
    if (image !== null) await this.#image(image, depth + 1);
  }

  /** One that was deleted or lies in another mount namespace is not found. */
  async #image(path: string, depth: number): Promise<void> {
    const name = await storageOf(path);
    if (name === null) return;
    this.below.add(name);
    await this.file(path, depth);
  }
}

async function slaves(folder: string): Promise<string[]> {
  try {
    return (await readdir(join(folder, "slaves"))).map((name) => join(folder, "slaves", name));
  } catch (error) {
    if (systemErrorName(error) === null) throw error;
    return [];
  }
}
