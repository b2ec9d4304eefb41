import { readFile } from "node:fs/promises";

import { deviceNumberFromHex } from "#linux/device-number.ts";

/** One lock that is held (not one waited for), from /proc/locks. */
export type FileLock = {
  readonly type: "POSIX" | "FLOCK" | "OFDLCK";
  readonly exclusive: boolean;
  /** Null for a lock that belongs to an open file, not to a process. */
  readonly pid: number | null;
  /** Superblock and inode of the locked file. */
  readonly device: string;
  readonly inode: bigint;
  readonly startBytes: bigint;
  /** The last byte; null for a lock up to the end. */
  readonly lastBytes: bigint | null;
};

const LOCK = /^\d+: (POSIX|FLOCK|OFDLCK) +\S+ +(READ|WRITE) +(-?\d+) ([0-9a-f]+:[0-9a-f]+):(\d+) (\d+) (\d+|EOF)$/;

/** @see fs/locks.c, lock_get_status */
export function parseFileLocks(text: string): FileLock[] {
  const locks: FileLock[] = [];
  for (const line of text.split("\n")) {
    const [, type, mode, pid, device, inode, start, last] = LOCK.exec(line) ?? [];
    if (type !== "POSIX" && type !== "FLOCK" && type !== "OFDLCK") continue;
    locks.push({
      type,
      exclusive: mode === "WRITE",
      pid: Number(pid) > 0 ? Number(pid) : null,
      device: deviceNumberFromHex(device ?? ""),
      inode: BigInt(inode ?? 0),
      startBytes: BigInt(start ?? 0),
      lastBytes: last === "EOF" ? null : BigInt(last ?? 0),
    });
  }
  return locks;
}

/** Locks of all users on this host. */
export async function readFileLocks(): Promise<FileLock[]> {
  return parseFileLocks(await readFile("/proc/locks", "utf8"));
}
