import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Runs a program to its end. @returns its output @throws when it fails, with what it said */
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

/** An empty folder that goes with the test. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-disk-"));
  t.after(() => rmSync(folder, { recursive: true }));
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
  t.after(() => spawnSync("losetup", ["--detach", device]));
  return device;
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
  t.after(() => spawnSync("umount", [where]));
}
