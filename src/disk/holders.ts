import { readFile, readdir, stat } from "node:fs/promises";

import { findClaim, findDeviceUses, findLoops } from "#disk/device-uses.ts";
import type { Holder, Holders } from "#disk/holder.ts";
import { diskOpenFailure } from "#disk/open-failure.ts";
import { type BlockDevice, blockDeviceFolder, readOverlapping, readWriteCounters } from "#linux/block-device.ts";
import { deviceId, deviceNumber } from "#linux/device-number.ts";
import { type FileKey, isSameFile, readFileKey } from "#linux/file-key.ts";
import { type FileLock, readFileLocks } from "#linux/file-locks.ts";
import { unescapePath } from "#linux/kernel-text.ts";
import { findWriters } from "#linux/writers.ts";

/**
 * Finds who uses an image file or block device on this host, this process apart.
 *
 * Looks at open files and mappings of processes, locks, mounts, loop devices, device-mapper and md, and swap; for a
 * device also at its partitions and the disk that it is a partition of. What this cannot see is written down in
 * docs/adr/0002-sources-in-use.md.
 *
 * @throws {LockstepError} DISK_MISSING, DISK_DENIED (a folder on the way is closed to this user)
 */
export async function findHolders(path: string, signal: AbortSignal): Promise<Holders> {
  signal.throwIfAborted();
  const key = await lookUp(path);
  const devices = key.stat.isBlockDevice() ? await overlappingDevices(key.stat.rdev) : [];
  const holders: Holder[] = [];
  const blindSpots = await namespaceBlindSpots();

  const deviceIds = new Set(devices.map(({ number }) => deviceId(number)));
  if (key.stat.isBlockDevice()) deviceIds.add(key.stat.rdev);
  const { writers, unseen } = await findWriters(key, deviceIds, signal);
  for (const { pid, command, how } of writers) {
    const words = how === "open" ? "has it open for writing" : "has it mapped into memory for writing";
    holders.push({ kind: "process", mayWrite: true, words: `process ${pid} (${command}) ${words}` });
  }
  if (unseen > 0)
    blindSpots.push(
      `${unseen} ${unseen === 1 ? "process" : "processes"} could not be looked into; that takes root with all its capabilities`,
    );

  for (const lock of await readFileLocks()) {
    const isMeant = lock.device === key.superblock && lock.inode === key.stat.ino && lock.pid !== process.pid;
    if (isMeant) holders.push(lockHolder(lock));
  }
  holders.push(...(await findSwap(key)));

  if (key.stat.isBlockDevice()) {
    const uses = await findDeviceUses(devices, "");
    holders.push(...uses);
    if (uses.length === 0 && holders.every(({ kind }) => kind !== "swap")) {
      const claim = await findClaim(path);
      if (claim.holder !== null) holders.push(claim.holder);
      if (claim.blindSpot !== null) blindSpots.push(claim.blindSpot);
    }
  } else {
    holders.push(...(await findLoops(key)));
  }
  const uncounted = key.stat.isBlockDevice() ? await counterBlindSpots(devices) : [];
  signal.throwIfAborted();
  return {
    holders,
    blindSpots: [...blindSpots, ...uncounted],
    sawAll: blindSpots.length === 0,
    showsWrites: uncounted.length === 0,
  };
}

async function lookUp(path: string): Promise<FileKey> {
  try {
    return await readFileKey(path);
  } catch (error) {
    throw diskOpenFailure(path, error);
  }
}

async function overlappingDevices(rdev: bigint): Promise<BlockDevice[]> {
  const folder = await blockDeviceFolder(deviceNumber(rdev));
  return folder === null ? [] : readOverlapping(folder);
}

/** QEMU marks "I write" by a shared lock on this byte (QEMU block/file-posix.c, RAW_LOCK_PERM_BASE + BLK_PERM_WRITE). */
const QEMU_WRITES_BYTE = 101n;

/** A shared lock means a reader that relies on the absence of writers. */
function lockHolder(lock: FileLock): Holder {
  const reaches = lock.lastBytes === null || lock.lastBytes >= QEMU_WRITES_BYTE;
  const isQemuWriter = lock.type === "OFDLCK" && lock.startBytes <= QEMU_WRITES_BYTE && reaches;
  const who = lock.pid === null ? "an open file" : `process ${lock.pid}`;
  const mode = lock.exclusive ? "an exclusive" : "a shared";
  return {
    kind: "lock",
    mayWrite: lock.exclusive || isQemuWriter,
    words: `${who} holds ${mode} lock on it (${lock.type})`,
  };
}

async function findSwap(key: FileKey): Promise<Holder[]> {
  const holders: Holder[] = [];
  for (const line of (await readFile("/proc/swaps", "utf8")).split("\n").slice(1)) {
    const path = unescapePath(line.split(/\s/)[0] ?? "");
    if (path !== "" && (await isSameFile(path, key))) {
      holders.push({ kind: "swap", mayWrite: true, words: `the kernel swaps to ${path}` });
    }
  }
  return holders;
}

/** Inode of the first process namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
const FIRST_PID_NAMESPACE = 0xeffffffcn;

async function namespaceBlindSpots(): Promise<string[]> {
  const namespace = await stat("/proc/self/ns/pid", { bigint: true });
  if (namespace.ino !== FIRST_PID_NAMESPACE) return ["this is a container: processes outside of it cannot be seen"];
  if (!(await readdir("/proc")).includes("1")) return ["/proc hides the processes of other users; root sees them"];
  return [];
}

async function counterBlindSpots(devices: readonly BlockDevice[]): Promise<string[]> {
  const own = devices[0];
  const counters = own === undefined ? null : await readWriteCounters(own.folder);
  if (counters?.counting === true) return [];
  return [
    `the kernel does not count writes to /dev/${own?.name ?? "it"}, so a write during the backup would not be seen`,
  ];
}
