/*
 * How fast this machine derives keys: node bench/kdf.ts
 *
 * The numbers in src/volume/header/kdf-cost.ts come from here. Each is measured in this process, but for the last two, which are
 * what a derivation takes besides: starting a process and ending it, or ending one that was started ahead.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { kdfProcess } from "#kdf/kdf-process.ts";
import { costOf } from "#volume/header/kdf-cost.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

const { signal } = new AbortController();
const salt = new Uint8Array(32);
const RUNS = 3;

const pbkdf2 = (hash: string, keyBytes: number, iterations: number): KdfRequest => ({
  kind: "pbkdf2",
  hash,
  iterations,
  salt,
  keyBytes,
});
const argon2 = (memoryMiB: number, passes: number, lanes: number): KdfRequest => ({
  kind: "argon2id",
  memoryKiB: memoryMiB * 1024,
  passes,
  lanes,
  salt,
  keyBytes: 64,
});

const requests: readonly KdfRequest[] = [
  pbkdf2("sha1", 20, 1_000_000),
  pbkdf2("sha224", 28, 1_000_000),
  pbkdf2("sha256", 32, 1_000_000),
  pbkdf2("sha384", 48, 500_000),
  pbkdf2("sha512", 64, 500_000),
  pbkdf2("ripemd160", 20, 500_000),
  pbkdf2("sha3-256", 32, 200_000),
  pbkdf2("blake2b-512", 64, 200_000),
  pbkdf2("sm3", 32, 200_000),
  pbkdf2("whirlpool", 64, 100_000),
  argon2(64, 4, 1),
  argon2(64, 4, 4),
  argon2(433, 4, 2),
  argon2(1024, 4, 2),
  argon2(1024, 4, 4),
  { kind: "bitlocker", rounds: 2 ** 20, salt: salt.subarray(16) },
];

/** Medians of some runs, in seconds: by the clock, and of this process' processor time. */
async function medians(act: () => Promise<Secret>): Promise<{ wall: number; cpu: number }> {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage();
    const from = performance.now();
    const key = await act();
    walls.push((performance.now() - from) / 1000);
    const used = process.cpuUsage(before);
    cpus.push((used.user + used.system) / 1e6);
    key.wipe();
  }
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0;
  return { wall: middle(walls), cpu: middle(cpus) };
}

function title(request: KdfRequest): string {
  if (request.kind === "pbkdf2") return `pbkdf2 ${request.hash}, ${request.iterations} rounds`;
  if (request.kind === "bitlocker") return `bitlocker, ${request.rounds} rounds`;
  return `${request.kind}, ${request.memoryKiB / 1024} MiB, ${request.passes} passes, ${request.lanes} lanes`;
}

const secret = new Secret(utf8("a secret of thirty-two bytes, ok"));
await using kdf = kdfProcess({ memoryMiB: 2048, seconds: 600 });
console.log("seconds: here | of processor time | in a process | estimated");
for (const request of requests) {
  const here = await medians(async () => deriveKey(request, secret));
  const child = await medians(async () => kdf.derive(request, secret, signal));
  const { seconds, iterations, memoryKiB } = costOf(request);
  const steps = memoryKiB === 0 ? iterations : iterations * memoryKiB;
  const unit = memoryKiB === 0 ? "rounds" : "KiB";
  const shown = [here.wall, here.cpu, child.wall, seconds].map((each) => each.toFixed(3)).join(" | ");
  console.log(`${title(request)}: ${shown}  (${Math.round(steps / here.cpu)} ${unit} a second of processor time)`);
}
const nothing = pbkdf2("sha256", 32, 1);
const { wall } = await medians(async () => kdf.derive(nothing, secret, signal));
console.log(`a process that derives next to nothing: ${wall.toFixed(3)}`);
await using started = kdfProcess({ memoryMiB: 64, seconds: 600 }, RUNS);
await delay(2000);
const { wall: ahead } = await medians(async () => started.derive(nothing, secret, signal));
console.log(`one that was started ahead: ${ahead.toFixed(3)}`);
