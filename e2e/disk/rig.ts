import { type ChildProcess, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Runs a program to its end. @returns its output @throws when it fails, with its output */
export function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
  return stdout.trim();
}

/** Skips the test, and says so, where it is not root's or a program is missing. @returns true when it must end */
export function skipUnlessRoot(t: TestContext, ...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  let reason: string | null = null;
  if (process.getuid?.() !== 0) reason = "needs root for loop devices and mounts";
  else if (missing.length > 0) reason = `needs ${missing.join(", ")}`;
  else if (spawnSync("losetup", ["-f"]).status !== 0) reason = "this kernel gives no loop devices";
  if (reason === null) return false;
  console.error(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return true;
}

type Undo = () => void | Promise<void>;

const cleanups = new WeakMap<TestContext, Undo[]>();

/** Runs `undo` when the test ends, the last one first: what is mounted goes before the folder that it lies in. */
export function later(t: TestContext, undo: Undo): void {
  let stack = cleanups.get(t);
  if (stack === undefined) {
    const own: Undo[] = [];
    stack = own;
    cleanups.set(t, own);
    t.after(async () => {
      for (const each of own.toReversed()) await each();
    });
  }
  stack.push(undo);
}

/** Ends a child when the test ends, and waits until it is gone. */
export function endLater(t: TestContext, child: ChildProcess): void {
  later(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  });
}

/** An empty folder that goes with the test. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-disk-"));
  later(t, () => rmSync(folder, { recursive: true }));
  return folder;
}

/** A file of zeros, all hole. */
export function sparseFile(folder: string, name: string, sizeBytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
  return path;
}

/** Attaches a file to a loop device until the test ends. @returns the device's path */
export function attach(t: TestContext, path: string, ...options: readonly string[]): string {
  const device = run("losetup", "--find", "--show", ...options, path);
  later(t, () => {
    spawnSync("losetup", ["--detach", device]);
  });
  return device;
}

/** An MBR with one partition of `sizeBytes` that begins at 1 MiB. */
export function mbrWithOnePartition(sizeBytes: number): Uint8Array {
  const sector = new Uint8Array(512);
  const view = new DataView(sector.buffer);
  sector[446 + 4] = 0x83;
  view.setUint32(446 + 8, 2048, true);
  view.setUint32(446 + 12, sizeBytes / 512, true);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** Tells the kernel of a loop device's partitions until the test ends; not every kernel reads the table by itself. */
export function addPartitions(t: TestContext, device: string): void {
  run("partx", "--add", device);
  later(t, () => {
    spawnSync("partx", ["--delete", device]);
  });
}

/** Makes a file system in a loop file and mounts it until the test ends. @returns the mount point */
export function mounted(
  t: TestContext,
  type: "ext4" | "xfs" | "btrfs",
  sizeBytes: number,
  ...options: readonly string[]
): { mountPoint: string; image: string } {
  const folder = newFolder(t);
  const image = sparseFile(folder, `${type}.img`, sizeBytes);
  run(`mkfs.${type}`, "-q", image);
  const mountPoint = join(folder, "mount");
  mkdirSync(mountPoint);
  mount(t, image, mountPoint, ...options);
  return { mountPoint, image };
}

/** Mounts until the test ends. */
export function mount(t: TestContext, what: string, where: string, ...options: readonly string[]): void {
  run("mount", ...options, what, where);
  later(t, () => {
    spawnSync("umount", [where]);
  });
}
