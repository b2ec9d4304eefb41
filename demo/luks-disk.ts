import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const SECTOR = 512;
const SHRINK_MIB = 32;

/** A disk that is encrypted as a guest encrypts it, and the plaintext that is in it: the demo plays the guest. */
export type LuksDisk = {
  readonly image: string;
  /** The passphrase's file. */
  readonly passphrase: string;
  /** Writes a file into the guest's file system: the sectors that change are encrypted and written to the image. */
  readonly writeFile: (name: string, content: Uint8Array) => void;
};

function tool(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Makes a LUKS2 disk with an ext4 in it, by cryptsetup. @param files  a folder whose contents go into the file system */
export function makeLuksDisk(folder: string, sizeMib: number, files: string): LuksDisk {
  const image = join(folder, "web01.raw");
  const plain = join(folder, "guest-view.raw");
  const passphrase = join(folder, "guest-passphrase");
  writeFileSync(passphrase, "the guest's own secret", { mode: 0o600 });
  writeFileSync(plain, "");
  truncateSync(plain, sizeMib * 2 ** 20);
  tool("mkfs.ext4", "-q", "-b", "4096", "-d", files, plain);
  copyFileSync(plain, image);
  truncateSync(image, (sizeMib + SHRINK_MIB) * 2 ** 20);
  const pbkdf = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
  tool(
    "cryptsetup",
    "reencrypt",
    "-q",
    "--encrypt",
    "--type",
    "luks2",
    "--cipher",
    "aes-xts-plain64",
    "--key-size",
    "512",
    ...pbkdf,
    "--sector-size",
    "512",
    "--reduce-device-size",
    `${SHRINK_MIB}M`,
    "--key-file",
    passphrase,
    image,
  );
  const key = volumeKey(folder, image, passphrase);
  const offset = dataOffset(image);
  return {
    image,
    passphrase,
    writeFile: (name, content) => {
      const before = join(folder, "before.raw");
      const source = join(folder, "new-file");
      copyFileSync(plain, before);
      writeFileSync(source, content);
      tool("debugfs", "-w", "-R", `write ${source} ${name}`, plain);
      encryptChanges(before, plain, image, key, offset);
    },
  };
}

function volumeKey(folder: string, image: string, passphrase: string): Uint8Array {
  const file = join(folder, "volume-key");
  tool("cryptsetup", "luksDump", "-q", "--dump-volume-key", "--volume-key-file", file, "--key-file", passphrase, image);
  return readFileSync(file);
}

function dataOffset(image: string): number {
  const text = tool("cryptsetup", "luksDump", "--dump-json-metadata", image);
  const { segments } = JSON.parse(text) as { segments: Record<string, { offset: string }> };
  return Number(segments["0"]?.offset);
}

/** Does what dm-crypt does when a guest writes: AES-XTS, the sector's number as the tweak (plain64). */
function encryptChanges(before: string, after: string, image: string, key: Uint8Array, offset: number): void {
  const [old, now, disk] = [openSync(before, "r"), openSync(after, "r"), openSync(image, "r+")];
  const [a, b] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  for (let at = 0, size = statSync(after).size; at < size; at += a.length) {
    const length = readSync(old, a, 0, a.length, at);
    readSync(now, b, 0, length, at);
    if (a.equals(b)) continue;
    for (let sector = 0; sector < length; sector += SECTOR) {
      const plain = b.subarray(sector, sector + SECTOR);
      if (plain.equals(a.subarray(sector, sector + SECTOR))) continue;
      const tweak = Buffer.alloc(16);
      tweak.writeBigUInt64LE(BigInt((at + sector) / SECTOR));
      const cipher = createCipheriv("aes-256-xts", key, tweak);
      writeSync(disk, cipher.update(plain), 0, SECTOR, offset + at + sector);
    }
  }
  for (const fd of [old, now, disk]) closeSync(fd);
}
