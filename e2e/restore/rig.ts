import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { TestContext } from "node:test";

import { Trial } from "../cli/trial.ts";

const MIB = 1024 * 1024;

/** Writes a file of random bytes, with a hole of as many MiB in its middle and a last block that is not whole. */
export function writeImage(path: string, dataMib: number, holeMib: number): void {
  const file = openSync(path, "w");
  const part = randomBytes(MIB);
  for (let i = 0; i < dataMib; i++) {
    part.writeUInt32LE(i, 0);
    writeSync(file, part, 0, MIB, (i < dataMib / 2 ? i : i + holeMib) * MIB);
  }
  ftruncateSync(file, (dataMib + holeMib) * MIB + 512);
  closeSync(file);
}

/** A vault with one point of one disk, `root`, which is `image.raw`. */
export function trialWithPoint(t: TestContext, dataMib: number, holeMib: number): Trial {
  const trial = new Trial(t);
  writeImage(trial.path("image.raw"), dataMib, holeMib);
  trial.prepare(
    "lockstep init vault --key-file key --no-key-store",
    "lockstep protect web01 --disk root=image.raw",
    "lockstep backup web01",
  );
  return trial;
}

/** Starts Lockstep as the only process of the command line, so that a signal reaches it and nothing else. */
export function startLockstep(trial: Trial, ...words: readonly string[]): ChildProcess {
  return spawn("lockstep", words, { cwd: trial.folder, env: trial.variables, stdio: "ignore" });
}

/** Waits until something is so, or the child is gone. @returns whether it was so while the child ran */
export async function soon(child: ChildProcess, isSo: () => boolean): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if (isSo()) return true;
    await setTimeout(1);
  }
  return false;
}

/** Resolves with the status, or the signal's name, that the child ended with. */
export function ended(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once("exit", (status, signal) => resolve(status ?? signal ?? -1));
  });
}

/** Bytes that a file takes; 0 while it is not there. */
export function allocated(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

/** The first bytes of a file as text. */
export function head(path: string, lengthBytes: number): string {
  const bytes = Buffer.alloc(lengthBytes);
  const file = openSync(path, "r");
  readSync(file, bytes, 0, lengthBytes, 0);
  closeSync(file);
  return bytes.toString("latin1");
}
