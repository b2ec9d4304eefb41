import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { getSystemErrorName } from "node:util";

import koffi from "koffi";

import { LockstepError } from "#errors/errors.ts";

/*
 * The few Linux system calls that Node does not offer. Blocking, each of them short. Numbers are from the kernel's
 * uapi headers for x86-64 and arm64 (the same on both).
 */

const libc = koffi.load("libc.so.6");
const lseek = libc.func("int64_t lseek(int fd, int64_t offset, int whence)");
const fallocate = libc.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const ioctlNumber = libc.func("ioctl", "int", ["int", "unsigned long", "long"]);
const flock = libc.func("int flock(int fd, int operation)");
const prctl = libc.func("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)");
const setrlimit = libc.func("int setrlimit(int resource, void *limits)");
const madvise = libc.func("int madvise(void *address, size_t length, int advice)");
const iovec = koffi.struct("iovec", { base: "void *", length: "size_t" });
const preadv2 = libc.func("preadv2", "int64_t", ["int", koffi.pointer(iovec), "int", "int64_t", "int"]);

/** open(2) flags that Node does not name; the same on x86-64 and arm64. */
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FICLONE = 0x40049409;
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_NOCOW_FL = 0x00800000;
const BLKZEROOUT = 0x127f;
const BLKGETSIZE64 = 0x80081272;
const BLKSSZGET = 0x1268;
const RWF_NOWAIT = 8;
const MADV_HUGEPAGE = 14;
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;
const LOCK_EX = 2;
const LOCK_NB = 4;
const ENXIO = 6;
const EWOULDBLOCK = 11;
const EINVAL = 22;
const EOPNOTSUPP = 95;

/** The name of a system call's last error, such as `ENOSPC`. */
function lastError(): string {
  return getSystemErrorName(-koffi.errno());
}

function failed(call: string): LockstepError {
  return new LockstepError("SYSTEM_CALL_FAILED", `${call} failed: ${lastError()}`);
}

/** The next stretch of a file that may hold data, from `offsetBytes` on; null when only a hole follows (lseek(2)). */
export function nextData(fd: number, offsetBytes: number): { offsetBytes: number; endBytes: number } | null {
  const start = Number(lseek(fd, offsetBytes, SEEK_DATA));
  if (start < 0) {
    if (koffi.errno() === ENXIO) return null;
    throw failed("lseek(SEEK_DATA)");
  }
  const end = Number(lseek(fd, start, SEEK_HOLE));
  if (end < 0) throw failed("lseek(SEEK_HOLE)");
  return { offsetBytes: start, endBytes: end };
}

/** Makes a range of a file a hole; false where the file system cannot (fallocate(2)). */
export function punchHole(fd: number, offsetBytes: number, lengthBytes: number): boolean {
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offsetBytes, lengthBytes) === 0) return true;
  if (koffi.errno() === EOPNOTSUPP) return false;
  throw failed("fallocate(PUNCH_HOLE)");
}

/** Makes `to` share all blocks of `from`, as they are at one instant; the error's name where that fails (ioctl_ficlone(2)). */
export function cloneFile(to: number, from: number): string | null {
  return ioctlNumber(to, FICLONE, from) === 0 ? null : lastError();
}

/** Gives an empty file the "no copy-on-write" attribute of another; nothing where the file system has none (ioctl_iflags(2)). */
export function copyNoCow(to: number, from: number): void {
  const flags = Buffer.alloc(8);
  if (ioctl(from, FS_IOC_GETFLAGS, flags) !== 0 || (flags.readUInt32LE() & FS_NOCOW_FL) === 0) return;
  if (ioctl(to, FS_IOC_GETFLAGS, flags) !== 0) return;
  flags.writeUInt32LE((flags.readUInt32LE() | FS_NOCOW_FL) >>> 0);
  ioctl(to, FS_IOC_SETFLAGS, flags);
}

/** Size of an open block device in bytes. */
export function blockDeviceSize(fd: number): number {
  const size = Buffer.alloc(8);
  if (ioctl(fd, BLKGETSIZE64, size) !== 0) throw failed("ioctl(BLKGETSIZE64)");
  return Number(size.readBigUInt64LE());
}

/** Logical sector size of an open block device in bytes. */
export function blockDeviceSector(fd: number): number {
  const size = Buffer.alloc(4);
  if (ioctl(fd, BLKSSZGET, size) !== 0) throw failed("ioctl(BLKSSZGET)");
  return size.readUInt32LE();
}

/**
 * Makes a range of a block device read as zeros, on a thread of its own; false where that fails for any reason, and
 * writing zeros will then say why (block/ioctl.c, blk_ioctl_zeroout).
 *
 * @param offsetBytes  a multiple of the device's logical sector, as `lengthBytes` is
 */
export async function zeroBlockDevice(fd: number, offsetBytes: number, lengthBytes: number): Promise<boolean> {
  const range = Buffer.alloc(16);
  range.writeBigUInt64LE(BigInt(offsetBytes), 0);
  range.writeBigUInt64LE(BigInt(lengthBytes), 8);
  return new Promise((resolve, reject) => {
    ioctl.async(fd, BLKZEROOUT, range, (error: unknown, result: number) => {
      if (error === null || error === undefined) resolve(result === 0);
      else reject(new Error("ioctl(BLKZEROOUT) could not be called", { cause: error }));
    });
  });
}

/** Locks a file against others that lock it so, until the descriptor is closed; false when another has it (flock(2)). */
export function lockFile(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  if (koffi.errno() === EWOULDBLOCK) return false;
  throw failed("flock");
}

const probe = Buffer.alloc(1);

/**
 * Whether the page at `offsetBytes` is in the page cache: true, false, or null where the kernel cannot tell.
 *
 * Reads one byte with RWF_NOWAIT, which does not wait for the medium and starts no read-ahead (preadv2(2)).
 * @param fd  open for buffered reading
 */
export function isCached(fd: number, offsetBytes: number): boolean | null {
  const got = Number(preadv2(fd, [{ base: probe, length: 1 }], 1, offsetBytes, RWF_NOWAIT));
  if (got >= 0) return true;
  const error = koffi.errno();
  return error === EOPNOTSUPP || error === EINVAL ? null : false;
}

/** Asks for 2 MiB pages under a buffer. A hint: where it fails, nothing is lost but speed (madvise(2)). */
export function adviseHugePages(buffer: Uint8Array): void {
  madvise(buffer, buffer.length, MADV_HUGEPAGE);
}

/**
 * Keeps this process' memory from others of the same user, and out of core files: what `/proc` has of it belongs to root from now
 * on, it cannot be traced, and no core file of it is written (PR_SET_DUMPABLE(2const), getrlimit(2)). Programs that it starts have
 * none of this. Says nothing of swap.
 *
 * @throws {LockstepError} SYSTEM_CALL_FAILED
 */
export function hideMemory(): void {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0) throw failed("prctl(PR_SET_DUMPABLE)");
  if (setrlimit(RLIMIT_CORE, Buffer.alloc(16)) !== 0) throw failed("setrlimit(RLIMIT_CORE)");
}
