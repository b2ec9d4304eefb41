import { writeFileSync, copyFileSync, mkdirSync, openSync, closeSync, ftruncateSync } from "node:fs";
import { join } from "node:path";

import { decryptRates } from "../decrypt-rates.ts";
import { race, run, shell } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import type { Workspace } from "../workspace.ts";

const TIB = 2 ** 40;
const IMAGES = 100;

/** Looking at volumes: unlocking next to cryptsetup, a large disk, many disks, and how fast sectors are decrypted. */
export async function volumes(space: Workspace): Promise<readonly CaseReport[]> {
  const folder = space.path("volumes");
  mkdirSync(folder, { recursive: true });
  const reports = [await unlocking(space, folder), await large(space, folder), await many(space, folder), decrypting()];
  space.remove("volumes");
  return reports;
}

/** A LUKS2 volume with cryptsetup's default costs for this machine. */
async function luks2(path: string, passphrase: string): Promise<void> {
  await run(shell(`truncate -s 32M '${path}' && cryptsetup luksFormat -q --type luks2 '${path}' '${passphrase}'`));
}

async function unlocking(space: Workspace, folder: string): Promise<CaseReport> {
  const path = join(folder, "luks2.raw");
  const passphrase = join(folder, "pw");
  writeFileSync(passphrase, "a passphrase", { mode: 0o600 });
  await luks2(path, passphrase);
  const nothing = (): Promise<void> => Promise.resolve();
  const results = await race(
    [
      {
        name: "cryptsetup --test-passphrase",
        prepare: nothing,
        command: () => shell(`cryptsetup open --test-passphrase --key-file '${passphrase}' '${path}'`),
      },
      {
        name: "lockstep volume check",
        prepare: nothing,
        command: () => space.lockstep("none", "volume", "check", path, "--passphrase-file", passphrase),
      },
    ],
    space.runs,
  );
  const measured = wallOf(results, "lockstep volume check") / wallOf(results, "cryptsetup --test-passphrase");
  return {
    title: "Unlocking LUKS2 with the default cost",
    results,
    claims: [{ text: "of the time of cryptsetup", measured, limit: 1.3, kind: "most", unit: " ×" }],
  };
}

async function large(space: Workspace, folder: string): Promise<CaseReport> {
  const path = join(folder, "large.raw");
  copyFileSync(join(folder, "luks2.raw"), path);
  const fd = openSync(path, "r+");
  ftruncateSync(fd, TIB);
  closeSync(fd);
  const nothing = (): Promise<void> => Promise.resolve();
  const results = await race(
    [
      { name: "lockstep --version", prepare: nothing, command: () => space.lockstep("none", "--version") },
      {
        name: "lockstep disk inspect",
        prepare: nothing,
        command: () => space.lockstep("none", "disk", "inspect", path),
      },
    ],
    Math.max(3, space.runs),
  );
  const measured = wallOf(results, "lockstep disk inspect") - wallOf(results, "lockstep --version");
  return {
    title: "Inspecting a sparse image of 1 TiB",
    results,
    claims: [{ text: "beyond starting up", measured: measured * 1000, limit: 100, kind: "most", unit: " ms" }],
  };
}

async function many(space: Workspace, folder: string): Promise<CaseReport> {
  const images = join(folder, "images");
  mkdirSync(images);
  for (let i = 0; i < IMAGES; i++) copyFileSync(join(folder, "luks2.raw"), join(images, `vm${i}.raw`));
  const results = await race(
    [
      {
        name: `lockstep scan, ${IMAGES} images`,
        prepare: () => Promise.resolve(),
        command: () => space.lockstep("none", "scan", images),
      },
    ],
    Math.max(3, space.runs),
  );
  return {
    title: "Scanning many images",
    results,
    claims: [
      {
        text: "the whole command",
        measured: wallOf(results, `lockstep scan, ${IMAGES} images`),
        limit: 5,
        kind: "most",
        unit: " s",
      },
    ],
  };
}

function decrypting(): CaseReport {
  const rates = decryptRates();
  return {
    title: "Decrypting sectors, on one core",
    results: [],
    claims: rates.flatMap(({ name, megabytesPerSecond, goal }) =>
      goal === null
        ? []
        : [{ text: name, measured: megabytesPerSecond, limit: goal, kind: "least" as const, unit: " MB/s" }],
    ),
    notes: rates.flatMap(({ name, megabytesPerSecond, goal }) =>
      goal === null ? [`${name}: ${megabytesPerSecond.toFixed(0)} MB/s.`] : [],
    ),
  };
}
