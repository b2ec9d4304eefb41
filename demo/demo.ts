import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { DemoHost, printKit } from "./demo-host.ts";
import { makeLuksDisk } from "./luks-disk.ts";
import type { LuksDisk } from "./luks-disk.ts";

/*
 * The main job, once, on a real LUKS2 disk: vault, key store and kit; two recovery points with a rollover between them; then the host
 * is lost, and all comes back from the vault and the kit. Everything is in a temporary folder, which is removed at the end.
 */

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

function makeDisk(folder: string): LuksDisk {
  const files = join(folder, "files");
  mkdirSync(files);
  for (let i = 0; i < 200; i++) writeFileSync(join(files, `file-${i}`), randomBytes(1_000_000));
  return makeLuksDisk(folder, 480, files);
}

/** The points of web01, the oldest first. */
function points(host: DemoHost): readonly { id: string; light: { light: string } }[] {
  const answer = host.ask<{ points: readonly { id: string; capturedAt: string; light: { light: string } }[] }>(
    "point",
    "list",
    "web01",
  );
  return answer.points.toSorted((a, b) => (a.capturedAt < b.capturedAt ? -1 : 1));
}

function allGreen(host: DemoHost, count: number): void {
  const lights = points(host).map(({ light }) => light.light);
  if (lights.length !== count || lights.some((light) => light !== "green"))
    throw new Error(`there should be ${count} green points, not: ${lights.join(", ")}`);
}

function tell(text: string): void {
  console.log(`\n${text}`);
}

ensureTools();
const folder = mkdtempSync(join(tmpdir(), "lockstep-demo-"));
const host = new DemoHost(folder);
try {
  tell("A guest encrypts its disk (LUKS2, aes-xts-plain64) and puts an ext4 with 200 files on it.");
  const disk = makeDisk(folder);
  const asItWas = join(folder, "as-it-was.raw");
  copyFileSync(disk.image, asItWas);
  writeFileSync(join(folder, "old-passphrases.csv"), `secret\n${readFileSync(disk.passphrase, "utf8")}\n`);
  writeFileSync(join(folder, "vault-passphrase"), "a passphrase of the backup side\n", { mode: 0o600 });

  tell("A vault for locked copies, a key store for what unlocks them, a kit on paper that brings both back.");
  host.run("init vault --passphrase-file vault-passphrase --kit-to kit --no-kit-check");
  const signingKey = printKit(folder);
  tell("The list of passphrases that everybody has somewhere: which of them opens what?");
  host.run("key import old-passphrases.csv web01.raw");
  host.run("protect web01 --disk web01.raw --keep daily=7,weekly=4,monthly=12,yearly=7");
  host.run("backup web01");

  tell("The guest writes a file of 5 MB. Its passphrase is replaced, and what it wrote is backed up.");
  disk.writeFile("report.txt", randomBytes(5_000_000));
  host.run("key rollover web01");
  host.run("backup web01");
  host.run("point list web01");
  allGreen(host, 2);
  tell("The older point opens with the older key only. So nobody can delete that key:");
  host.run("key delete web01/v1", 75);

  tell("The host burns, and with it its key store. What is left: the vault, and the page of the kit.");
  host.burn();
  rmSync(disk.image);
  host.run(`recover --share-file share --signing-key ${signingKey}`);
  host.run("check web01 --read-data");
  allGreen(host, 2);

  const [oldest] = points(host);
  host.run(`restore ${oldest?.id} --to-dir restored`);
  const restored = join(folder, "restored/web01.raw");
  if (!sameContent(restored, asItWas)) throw new Error("the restored disk is not what was backed up");
  tell("The restored disk equals the disk as it was at the first backup, byte for byte.");
  host.run("key reveal web01/v1 --reason demonstration --to key-of-then");
  execFileSync("cryptsetup", ["open", "--test-passphrase", "--key-file", join(folder, "key-of-then"), restored]);
  tell("cryptsetup opens it with the key that the key store had kept for it.");
  console.log("The demo worked.");
} finally {
  host.shutDown();
  rmSync(folder, { recursive: true, force: true });
}
