import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type TestContext, test } from "node:test";

import { openExistingTarget } from "#disk/existing-target.ts";
import { findHolders } from "#disk/holders.ts";

import {
  addPartitions,
  attach,
  endLater,
  later,
  mbrWithOnePartition,
  mount,
  mounted,
  newFolder,
  run,
  skipUnlessRoot,
  sparseFile,
} from "./rig.ts";

const signal = new AbortController().signal;
const MIB = 1024 * 1024;

async function wordsOf(path: string): Promise<string[]> {
  return (await findHolders(path, signal)).holders.map(({ words }) => words);
}

/** qemu-io with `path` open, at its prompt, until the test ends. */
async function qemu(t: TestContext, path: string, ...options: readonly string[]): Promise<void> {
  const child = spawn("qemu-io", ["-f", "raw", ...options, path], { stdio: ["pipe", "pipe", "inherit"] });
  endLater(t, child);
  child.stdin.write("length\n");
  await once(child.stdout, "data");
  await sleep(50);
}

test("QEMU's locks tell its writer from its reader", async (t) => {
  if (skipUnlessRoot(t, "qemu-io")) return;
  const folder = newFolder(t);
  const written = sparseFile(folder, "written.raw", MIB);
  await qemu(t, written);
  const { holders } = await findHolders(written, signal);
  assert.ok(holders.some(({ kind, mayWrite }) => kind === "process" && mayWrite));
  assert.ok(holders.some(({ kind, mayWrite }) => kind === "lock" && mayWrite));

  const read = sparseFile(folder, "read.raw", MIB);
  await qemu(t, read, "-r");
  const readers = (await findHolders(read, signal)).holders;
  assert.ok(readers.length > 0);
  assert.deepEqual(
    readers.filter(({ mayWrite }) => mayWrite),
    [],
  );
});

test("locks and mappings on Btrfs are found, whose files have another device number than its locks", async (t) => {
  if (skipUnlessRoot(t, "mkfs.btrfs", "python3", "flock")) return;
  const { mountPoint } = mounted(t, "btrfs", 320 * MIB);
  run("btrfs", "subvolume", "create", join(mountPoint, "images"));
  const path = join(mountPoint, "images", "web01.raw");
  writeFileSync(path, new Uint8Array(4096));
  const script = `
import ctypes, fcntl, sys
libc = ctypes.CDLL(None)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
file = open(sys.argv[1], "r+b")
libc.mmap(None, 4096, 3, 1, file.fileno(), 0)
file.close()
other = open(sys.argv[1], "rb")
fcntl.flock(other, fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.read()`;
  const child = spawn("python3", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  endLater(t, child);
  await once(child.stdout, "data");
  const words = (await wordsOf(path)).join("; ");
  assert.match(words, /process \d+ \(python3?[^)]*\) has it mapped into memory for writing/);
  assert.match(words, /holds an exclusive lock on it \(FLOCK\)/);
  child.kill("SIGKILL");
  await once(child, "close");
});

test("a file attached to a loop device, and mounted through it, is held", async (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4")) return;
  const { mountPoint, image } = mounted(t, "ext4", 16 * MIB);
  const words = await wordsOf(image);
  assert.equal(words.length, 2);
  assert.match(words[0] ?? "", /^it is attached to the loop device \/dev\/loop\d+$/);
  assert.match(words[1] ?? "", new RegExp(`^its loop device /dev/loop\\d+ is mounted at ${mountPoint} \\(ext4\\)$`));
  await assert.rejects(openExistingTarget(image, 0, {}, signal), { code: "TARGET_IN_USE", message: /is mounted at/ });
});

test("what is attached or mounted read-only may be copied, but not overwritten", async (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4")) return;
  const folder = newFolder(t);
  const attached = sparseFile(folder, "attached.img", MIB);
  attach(t, attached, "--read-only");
  const image = sparseFile(folder, "mounted.img", 16 * MIB);
  run("mkfs.ext4", "-q", image);
  const device = attach(t, image);
  mkdirSync(join(folder, "mount"));
  mount(t, device, join(folder, "mount"), "-o", "ro");
  for (const path of [attached, device]) {
    assert.deepEqual(
      (await findHolders(path, signal)).holders.map(({ mayWrite }) => mayWrite),
      [false],
      path,
    );
    await assert.rejects(openExistingTarget(path, 0, {}, signal), { code: "TARGET_IN_USE", message: /read-only/ });
  }
});

test("a device is held by a mount of its partition, and a partition by a writer of the whole", async (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4", "partx")) return;
  const folder = newFolder(t);
  const image = sparseFile(folder, "disk.img", 32 * MIB);
  writeFileSync(image, mbrWithOnePartition(16 * MIB), { flag: "r+" });
  const device = attach(t, image);
  addPartitions(t, device);
  assert.deepEqual(await wordsOf(device), []);
  run("mkfs.ext4", "-q", `${device}p1`);
  const mountPoint = join(folder, "mount");
  mkdirSync(mountPoint);
  mount(t, `${device}p1`, mountPoint);
  assert.deepEqual(await wordsOf(device), [`${device}p1 is mounted at ${mountPoint} (ext4)`]);
  run("umount", mountPoint);

  const child = spawn("bash", ["-c", 'exec 9<>"$1"; echo ready; read -r line', "bash", device]);
  endLater(t, child);
  await once(child.stdout, "data");
  assert.match((await wordsOf(`${device}p1`)).join(), new RegExp(`process ${child.pid} \\(bash\\) has it open`));
  child.kill("SIGKILL");
  await once(child, "close");
});

test("each device of a Btrfs of several is held while it is mounted", async (t) => {
  if (skipUnlessRoot(t, "mkfs.btrfs")) return;
  const folder = newFolder(t);
  const devices = ["a.img", "b.img"].map((name) => attach(t, sparseFile(folder, name, 256 * MIB)));
  run("mkfs.btrfs", "-q", ...devices);
  const mountPoint = join(folder, "mount");
  mkdirSync(mountPoint);
  mount(t, devices[0] ?? "", mountPoint);
  for (const device of devices) assert.match((await wordsOf(device)).join(), /mounted/, device);
  run("umount", mountPoint);
});

test("swap is a holder", async (t) => {
  if (skipUnlessRoot(t, "mkswap", "swapon")) return;
  const image = sparseFile(newFolder(t), "swap.img", 16 * MIB);
  const device = attach(t, image);
  run("mkswap", device);
  if (spawnSync("swapon", [device]).status !== 0) {
    t.skip("this kernel does not swap");
    return;
  }
  later(t, () => {
    spawnSync("swapoff", [device]);
  });
  assert.deepEqual(await wordsOf(device), [`the kernel swaps to ${device}`]);
  run("swapoff", device);
});

test("a device that something claimed without a trace in /proc and /sys is held", async (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4", "unshare")) return;
  const folder = newFolder(t);
  const device = attach(t, sparseFile(folder, "disk.img", 16 * MIB));
  run("mkfs.ext4", "-q", device);
  const script = 'mount "$1" "$2"; echo ready; read -r line; umount "$2"';
  mkdirSync(join(folder, "mount"));
  const args = ["--mount", "bash", "-c", script, "bash", device, join(folder, "mount")];
  const child = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  assert.deepEqual(await wordsOf(device), ["the kernel or another process has claimed it for itself"]);
  child.stdin.end("go\n");
  await once(child, "close");
  assert.deepEqual(await wordsOf(device), []);
});

test("a user who may not look into other users' processes is told so, and still sees their locks", async (t) => {
  if (skipUnlessRoot(t, "setpriv")) return;
  const folder = newFolder(t);
  run("chmod", "755", folder);
  const path = sparseFile(folder, "web01.raw", MIB);
  run("chmod", "644", path);
  const writer = spawn("bash", ["-c", 'exec 9<>"$1"; flock -x 9; echo ready; read -r line', "bash", path]);
  endLater(t, writer);
  await once(writer.stdout, "data");
  const module = new URL("../../src/disk/holders.ts", import.meta.url).href;
  const script = `
    const { findHolders } = await import(${JSON.stringify(module)});
    const found = await findHolders(${JSON.stringify(path)}, new AbortController().signal);
    process.stdout.write(JSON.stringify(found));`;
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
  const node = [process.execPath, "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync("setpriv", [...nobody, ...node], { encoding: "utf8" });
  if (/EACCES|MODULE_NOT_FOUND|denied/i.test(stderr)) {
    t.skip("this checkout lies in a folder that is closed to other users");
    return;
  }
  const { holders, blindSpots } = JSON.parse(stdout) as Awaited<ReturnType<typeof findHolders>>;
  assert.match(blindSpots.join(), /\d+ processes could not be looked into/);
  assert.deepEqual(
    holders.map(({ kind }) => kind),
    ["lock"],
  );
});

test("a disk that another user may hold unseen is crash-consistent; torn where he writes, or where that would leave no sign", async (t) => {
  if (skipUnlessRoot(t, "setpriv")) return;
  const folder = newFolder(t);
  const path = sparseFile(folder, "web01.raw", 4 * MIB);
  run("chmod", "777", folder);
  const device = attach(t, sparseFile(folder, "db01.raw", MIB));
  run("chmod", "644", path, device);
  later(t, () => {
    run("chmod", "660", device);
  });
  const script = 'exec 9<>"$1"; echo ready; read -r line; while printf x >&9; do sleep 0.002; done';
  const holder = spawn("bash", ["-c", script, "bash", path], { stdio: ["pipe", "pipe", "inherit"] });
  endLater(t, holder);
  await once(holder.stdout, "data");

  const bin = join(import.meta.dirname, "../../bin/lockstep");
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    LOCKSTEP_CONFIG: join(folder, "config.toml"),
    LOCKSTEP_STATE_DIR: join(folder, "state"),
  };
  const asNobody = (...args: readonly string[]) => {
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", bin];
    return spawnSync("setpriv", [...nobody, ...args], { encoding: "utf8", env, cwd: folder });
  };
  const { stderr } = asNobody("--version");
  if (/EACCES|MODULE_NOT_FOUND|denied/i.test(stderr)) {
    t.skip("this checkout lies in a folder that is closed to other users");
    return;
  }
  writeFileSync(join(folder, "passphrase"), "correct horse");
  for (const args of [
    ["init", "vault", "--passphrase-file", "passphrase", "--no-key-store"],
    ["protect", "web01", "--disk", path],
    ["protect", "db01", "--disk", device],
  ]) {
    const { status, stdout, stderr: said } = asNobody(...args);
    assert.equal(status, 0, stdout + said);
  }
  const { point, codes } = taken(asNobody("backup", "web01", "--json").stdout);
  assert.equal(point?.consistency, "crash");
  assert.ok(codes.includes("HOLDERS_UNSEEN"));

  holder.stdin.write("write\n");
  await sleep(50);
  assert.match(asNobody("backup", "web01").stderr, /was written to during the backup/);
  assert.equal(taken(asNobody("backup", "web01", "--torn-ok", "--json").stdout).point?.consistency, "torn");

  const counts = `/sys/block/${basename(device)}/queue/iostats`;
  writeFileSync(counts, "1");
  assert.equal(taken(asNobody("backup", "db01", "--json").stdout).point?.consistency, "crash");
  writeFileSync(counts, "0");
  later(t, () => writeFileSync(counts, "1"));
  assert.match(asNobody("backup", "db01").stderr, /neither all who may hold it .* \[DISK_IN_USE\]/);
  assert.equal(taken(asNobody("backup", "db01", "--torn-ok", "--json").stdout).point?.consistency, "torn");
});

function taken(text: string): { point: { consistency: string } | undefined; codes: readonly string[] } {
  const { machines, warnings } = JSON.parse(text) as {
    machines: readonly { point: { consistency: string } }[];
    warnings: readonly { code: string }[];
  };
  return { point: machines[0]?.point, codes: warnings.map(({ code }) => code) };
}

test("our own open descriptor of a device is no holder", async (t) => {
  if (skipUnlessRoot(t)) return;
  const device = attach(t, sparseFile(newFolder(t), "disk.img", MIB));
  const own = await open(device, "r+");
  assert.deepEqual(await wordsOf(device), []);
  await own.close();
});
