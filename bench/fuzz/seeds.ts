import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Piece } from "#testing/disks/sparse-source.ts";
import { exfatPieces, fatPieces, ntfsPieces } from "#testing/volumes/filesystem-maker.ts";
import { lvmArea, lvmLabel, lvmSegment, lvmText } from "#testing/volumes/lvm-maker.ts";
import { gptPieces, mbrSector } from "#testing/volumes/partition-maker.ts";

import { Image } from "./image.ts";

/** A real image that mutations start from. */
export type Seed = { readonly name: string; readonly image: Image };

type Recipe = { readonly name: string; readonly mebibytes: number; readonly commands: readonly (readonly string[])[] };

const PBKDF2 = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
const format = (...more: readonly string[]): readonly string[] => [
  "cryptsetup",
  "luksFormat",
  "-q",
  "FILE",
  "KEY",
  ...more,
];
const luks2 = (...more: readonly string[]): readonly string[] => format("--type", "luks2", ...PBKDF2, ...more);

const recipes: readonly Recipe[] = [
  { name: "luks1", mebibytes: 4, commands: [format("--type", "luks1", "--pbkdf-force-iterations", "1000")] },
  {
    name: "luks2",
    mebibytes: 32,
    commands: [
      luks2("--sector-size", "4096"),
      ["cryptsetup", "luksAddKey", "-q", "FILE", "KEY", "--key-file", "KEY", ...PBKDF2],
      ["cryptsetup", "token", "add", "FILE", "--key-description", "a token", "--key-slot", "0"],
    ],
  },
  {
    name: "luks2-argon2id",
    mebibytes: 32,
    commands: [
      format("--type", "luks2", "--pbkdf-memory", "64", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1"),
    ],
  },
  {
    name: "luks2-reencrypting",
    mebibytes: 32,
    commands: [
      luks2(),
      [
        "cryptsetup",
        "reencrypt",
        "-q",
        "FILE",
        "--key-file",
        "KEY",
        "--init-only",
        "--resilience",
        "checksum",
        ...PBKDF2,
      ],
    ],
  },
  { name: "ext4", mebibytes: 16, commands: [["mkfs.ext4", "-q", "FILE"]] },
  { name: "xfs", mebibytes: 320, commands: [["mkfs.xfs", "-q", "FILE"]] },
  { name: "btrfs", mebibytes: 128, commands: [["mkfs.btrfs", "-q", "FILE"]] },
  { name: "swap", mebibytes: 4, commands: [["mkswap", "FILE"]] },
];

const MIB = 1024 * 1024;

/** Those whose programs are rarely there, made by hand. */
function madeByHand(): Seed[] {
  const mbr = mbrSector([
    { type: 0x83, first: 2048, sectors: 4096 },
    { type: 5, first: 8192, sectors: 16384 },
  ]);
  const logical = mbrSector([{ type: 0x83, first: 64, sectors: 4096 }, null, null, null]);
  const lvmVolumes = { root: [lvmSegment(0, 2, "pv0", 0)], swap: [lvmSegment(0, 1, "pv0", 4)] };
  const made: [name: string, mebibytes: number, pieces: readonly Piece[]][] = [
    ["gpt", 2, Object.values(gptPieces())],
    ["gpt of 4096-byte sectors", 16, Object.values(gptPieces({ sectorBytes: 4096 }))],
    [
      "mbr",
      16,
      [
        { offsetBytes: 0, bytes: mbr },
        { offsetBytes: 8192 * 512, bytes: logical },
      ],
    ],
    ["ntfs", 4, ntfsPieces(8191)],
    ["fat12", 4, fatPieces(12, 1000)],
    ["fat16", 8, fatPieces(16, 5000)],
    ["fat32", 64, fatPieces(32, 70_000)],
    ["exfat", 8, exfatPieces()],
    ["lvm", 64, [lvmLabel(64 * MIB), ...lvmArea(lvmText(lvmVolumes))]],
  ];
  return made.map(([name, mebibytes, pieces]) => ({ name, image: Image.of(mebibytes * MIB, pieces) }));
}

/**
 * Makes an image of each kind whose program is there, and takes the sample images where there are any.
 *
 * @param samples  a folder of `.img.xz`, or null
 */
export function makeSeeds(samples: string | null): Seed[] {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-fuzz-"));
  const seeds = madeByHand();
  try {
    const key = join(folder, "key");
    writeFileSync(key, "a passphrase");
    for (const { name, mebibytes, commands } of recipes) {
      const file = join(folder, name);
      writeFileSync(file, "");
      truncateSync(file, mebibytes * 1024 * 1024);
      const why = firstFailure(commands, file, key);
      if (why === null) seeds.push({ name, image: Image.load(file) });
      else console.error(`NOT FUZZED: ${name}: ${why}`);
      rmSync(file);
    }
    seeds.push(...(samples === null ? [] : sampleSeeds(samples, folder)));
    if (samples === null) console.error("NOT FUZZED: sample images: LOCKSTEP_TEST_IMAGES names no folder");
    return seeds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function firstFailure(commands: Recipe["commands"], file: string, key: string): string | null {
  for (const command of commands) {
    const [program = "", ...args] = command.map((word) => word.replace("FILE", file).replace(/^KEY$/, key));
    const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) return `${command.join(" ")}: ${error?.message ?? stderr.trim()}`;
  }
  return null;
}

function sampleSeeds(samples: string, folder: string): Seed[] {
  const seeds: Seed[] = [];
  for (const name of readdirSync(samples, { recursive: true, encoding: "utf8" }).sort()) {
    if (!name.endsWith(".img.xz")) continue;
    const file = join(folder, "sample.img");
    const { status } = spawnSync("sh", ["-c", 'xz -dc "$1" >"$2"', "sh", join(samples, name), file]);
    if (status === 0 && existsSync(file)) seeds.push({ name, image: Image.load(file) });
    else console.error(`NOT FUZZED: ${name}: xz failed`);
  }
  return seeds;
}
