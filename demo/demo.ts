import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { makeLuksDisk } from "./luks-disk.ts";

/*
 * The main job, once, on a real LUKS2 disk: init, protect, back up, change the disk, back up again, restore the first
 * point, compare, check. Everything is in a temporary folder, which is removed at the end.
 */

const root = join(import.meta.dirname, "..");
const needed = { cryptsetup: "cryptsetup-bin", "mkfs.ext4": "e2fsprogs", debugfs: "e2fsprogs" };

function ensureTools(): void {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  process.env["PATH"] = path;
  const missing = Object.entries(needed).filter(
    ([tool]) => !path.split(":").some((folder) => existsSync(join(folder, tool))),
  );
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    console.log(`installing ${packages.join(", ")} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("apt-get", ["update", "-qq"], { env, stdio: "inherit" });
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
    return;
  }
  console.error(
    `The demo makes a LUKS2 disk and needs ${missing.map(([tool]) => tool).join(", ")}: on Debian, apt-get install ${packages.join(" ")}`,
  );
  process.exit(69);
}

const folder = mkdtempSync(join(tmpdir(), "lockstep-demo-"));

/** Runs a lockstep command as a user would, and shows it. */
function lockstep(...args: readonly string[]): void {
  console.log(`\n$ lockstep ${args.map((arg) => arg.replaceAll(`${folder}/`, "")).join(" ")}`);
  const { status } = spawnSync(join(root, "bin/lockstep"), args, {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      LOCKSTEP_CONFIG: join(folder, "config.toml"),
      LOCKSTEP_STATE_DIR: join(folder, "state"),
      LOCKSTEP_VAULT: join(folder, "vault"),
    },
  });
  if (status !== 0) throw new Error(`lockstep ${args[0]} ended with status ${status}`);
}

function sameContent(a: string, b: string): boolean {
  if (statSync(a).size !== statSync(b).size) return false;
  const [one, two] = [openSync(a, "r"), openSync(b, "r")];
  const [x, y] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  let same = true;
  for (let length = readSync(one, x); same && length > 0; length = readSync(one, x)) {
    same = readSync(two, y, 0, length, null) === length && x.subarray(0, length).equals(y.subarray(0, length));
  }
  closeSync(one);
  closeSync(two);
  return same;
}

function seconds(work: () => void): string {
  const start = performance.now();
  work();
  return `${((performance.now() - start) / 1000).toFixed(2)} s`;
}

ensureTools();
try {
  console.log("A guest encrypts its disk (LUKS2, aes-xts-plain64) and puts an ext4 with 200 files on it.");
  const files = join(folder, "files");
  mkdirSync(files);
  for (let i = 0; i < 200; i++) writeFileSync(join(files, `file-${i}`), randomBytes(1_000_000));
  const disk = makeLuksDisk(folder, 480, files);
  writeFileSync(join(folder, "config.toml"), "");
  writeFileSync(join(folder, "vault-passphrase"), "a passphrase of the backup side\n", { mode: 0o600 });

  lockstep("init", join(folder, "vault"), "--passphrase-file", join(folder, "vault-passphrase"), "--no-key-store");
  lockstep("protect", "web01", "--disk", disk.image, "--keep", "daily=7,weekly=4,monthly=12,yearly=7");
  const first = seconds(() => lockstep("backup", "web01"));
  const asItWas = join(folder, "as-it-was.raw");
  copyFileSync(disk.image, asItWas);

  console.log("\nThe guest writes a file of 5 MB.");
  disk.writeFile("report.txt", randomBytes(5_000_000));
  if (sameContent(disk.image, asItWas)) throw new Error("the disk did not change");
  const second = seconds(() => lockstep("backup", "web01"));
  lockstep("point", "list", "web01");

  const list = execFileSync(join(root, "bin/lockstep"), ["--json", "point", "list", "web01"], {
    env: {
      ...process.env,
      LOCKSTEP_CONFIG: join(folder, "config.toml"),
      LOCKSTEP_STATE_DIR: join(folder, "state"),
      LOCKSTEP_VAULT: join(folder, "vault"),
    },
  });
  const { points } = JSON.parse(list.toString()) as { points: readonly { id: string; capturedAt: string }[] };
  const oldest = points.toSorted((a, b) => (a.capturedAt < b.capturedAt ? -1 : 1))[0];
  if (oldest === undefined || points.length !== 2) throw new Error(`there should be two points, not ${points.length}`);
  const restore = seconds(() => lockstep("restore", oldest.id, "--to-dir", join(folder, "restored")));
  const restored = join(folder, "restored", "web01.raw");
  if (!sameContent(restored, asItWas)) throw new Error("the restored disk is not what was backed up");
  console.log("\nThe restored disk equals the disk as it was at the first backup, byte for byte.");
  execFileSync("cryptsetup", ["open", "--test-passphrase", "--key-file", disk.passphrase, restored]);
  console.log("The guest's passphrase opens it; Lockstep never had it.");

  const check = seconds(() => lockstep("check", "web01", "--read-data"));
  lockstep("status");
  console.log(
    `\nA disk of ${statSync(disk.image).size / 2 ** 20} MiB: first backup ${first}, second ${second}, restore ${restore}, check of all data ${check}.`,
  );
  console.log("The demo worked.");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
