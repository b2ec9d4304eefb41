import { createCipheriv, randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { run } from "./measure.ts";
import type { Command } from "./measure.ts";

const root = join(import.meta.dirname, "..");

/** Where a benchmark keeps its images, vaults and repositories: one folder, removed at the end. */
export class Workspace {
  readonly folder: string;
  readonly sizeBytes: number;
  readonly runs: number;

  constructor(folder: string, sizeBytes: number, runs: number) {
    this.folder = folder;
    this.sizeBytes = sizeBytes;
    this.runs = runs;
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.path("passphrase"), "a passphrase for benchmarks\n", { mode: 0o600 });
    writeFileSync(this.path("config.toml"), "");
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** The image that most cases use: bytes that neither compress nor repeat, as ciphertext does not. */
  image(): string {
    const path = this.path("disk.raw");
    if (!existsSync(path)) writeRandom(path, this.sizeBytes);
    return path;
  }

  remove(...names: readonly string[]): void {
    rmSync(this.path(...names), { recursive: true, force: true });
  }

  /** A lockstep command on a vault in this workspace. */
  lockstep(vault: string, ...argv: readonly string[]): Command {
    return {
      argv: [join(root, "bin/lockstep"), "--quiet", ...argv],
      env: {
        LOCKSTEP_CONFIG: this.path("config.toml"),
        LOCKSTEP_STATE_DIR: this.path("state"),
        LOCKSTEP_VAULT: this.path(vault),
        LOCKSTEP_PASSPHRASE_FILE: this.path("passphrase"),
      },
    };
  }

  /** A new vault with one machine. */
  async newVault(vault: string, machine: string, image: string): Promise<void> {
    this.remove(vault);
    await run(this.lockstep(vault, "init", this.path(vault), "--no-key-store"));
    await run(this.lockstep(vault, "protect", machine, "--disk", image));
  }

  /** Bytes of everything in a folder. */
  async usedBytes(name: string): Promise<number> {
    let total = 0;
    const { readdirSync } = await import("node:fs");
    for (const entry of readdirSync(this.path(name), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) total += statSync(join(entry.parentPath, entry.name)).size;
    }
    return total;
  }
}

const PIECE = 8 * 1024 * 1024;

/** Fills a new file with a key stream: as fast as the disk, and different each time. */
export function writeRandom(path: string, sizeBytes: number): void {
  const stream = createCipheriv("aes-256-ctr", randomBytes(32), randomBytes(16));
  const zeros = Buffer.alloc(PIECE);
  const fd = openSync(path, "w");
  for (let at = 0; at < sizeBytes; at += PIECE)
    writeSync(fd, stream.update(zeros.subarray(0, Math.min(PIECE, sizeBytes - at))));
  closeSync(fd);
}

/** Overwrites a share of an image in random aligned places of 64 KiB and gives the bytes that changed. */
export function changeShare(path: string, share: number): number {
  const blockBytes = 65_536;
  const blocks = Math.floor(statSync(path).size / blockBytes);
  const chosen = new Set<number>();
  while (chosen.size < Math.floor(blocks * share)) chosen.add(randomBytes(4).readUInt32LE() % blocks);
  const fd = openSync(path, "r+");
  const probe = Buffer.alloc(1);
  for (const block of chosen) {
    writeSync(fd, randomBytes(blockBytes), 0, blockBytes, block * blockBytes);
    readSync(fd, probe, 0, 1, block * blockBytes);
  }
  closeSync(fd);
  return chosen.size * blockBytes;
}
