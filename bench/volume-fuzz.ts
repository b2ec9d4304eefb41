/*
 * Mutates real headers and reads them, for as long as it is told:
 *
 *   node bench/volume-fuzz.ts [--inputs N] [--seed N] [--only NAME]
 *
 * One million inputs unless told. Each is a real image with one to four changes where the readers look; in three of four the
 * checksums are made right again. It is inspected, and each encrypted volume found is opened with keys that a derivation
 * might have given. It stops at the first thing that is not allowed, and says the seed that shows it again:
 *
 * - anything thrown that is no LockstepError
 * - one input that takes more than a second of the processor, or reads more than 256 MiB before a key is asked for
 * - a process that grows by more than 256 MiB over what it has after the seeds were read
 */
import process from "node:process";
import { parseArgs } from "node:util";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { costOf, refuseCost } from "#volume/header/kdf-cost.ts";
import type { KdfRequest, KeyDeriver } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { inspect } from "#volume/inspect.ts";
import type { FoundHeader } from "#volume/inspect.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";

import { Chance } from "./fuzz/chance.ts";
import type { Image } from "./fuzz/image.ts";
import { mutate } from "./fuzz/mutate.ts";
import type { Read } from "./fuzz/mutate.ts";
import { repairChecksums } from "./fuzz/repair.ts";
import { makeSeeds } from "./fuzz/seeds.ts";

const { values } = parseArgs({
  options: { inputs: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const inputs = Number(values.inputs ?? 1_000_000);
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));

const { signal } = new AbortController();
const MOST_MS = 1000;
const MOST_BYTES = 256 * 1024 * 1024;
const limit = { memoryKiB: 1024 * 1024, seconds: 60 };

const secrets = (): VolumeSecret[] => [
  { kind: "passphrase", secret: new Secret(utf8("a passphrase")) },
  { kind: "key-file", secret: new Secret(utf8("a passphrase")) },
  { kind: "recovery-password", secret: new Secret(utf8(Array.from({ length: 8 }, () => "000011").join("-"))) },
  { kind: "startup-key", secret: new Secret(new Uint8Array(156)) },
  { kind: "volume-key", secret: new Secret(new Uint8Array(64)) },
  { kind: "none" },
];

/**
 * Derives what costs next to nothing, so that volumes open, and else gives some key at once: what is tried is that the cost
 * was weighed, and what comes after.
 */
const kdf: KeyDeriver = {
  derive: async (request: KdfRequest, secret: Secret) => {
    const cost = costOf(request);
    refuseCost(cost, limit, "UNWEIGHED");
    if (cost.seconds < 0.002 && cost.memoryKiB < 1024 && cost.lanes < 8) return deriveKey(request, secret);
    return new Secret(new Uint8Array(request.kind === "bitlocker" ? 32 : request.keyBytes));
  },
};

/** Does what a person might, with all that is found. @returns the codes of the errors that it met */
async function tryAll(
  image: Image,
  tried: readonly VolumeSecret[],
  noted: (offsetBytes: number, lengthBytes: number) => void,
): Promise<Set<string>> {
  const met = new Set<string>();
  const attempt = async (act: () => unknown): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      if (error.code === "ARGUMENT_INVALID" || error.message.includes("UNWEIGHED")) throw error;
      met.add(error.code);
    }
  };
  const source = image.source(noted);
  let found: Iterable<FoundHeader> = [];
  await attempt(async () => {
    const { map, headers } = await inspect(source, signal);
    JSON.stringify(map);
    for (const { failure } of map.volumes) if (failure !== null) met.add(failure.code);
    found = headers.values();
  });
  for (const { header, source: place } of found) {
    await attempt(() => header.mapping(place.sizeBytes));
    for (const secret of tried) {
      await attempt(async () => {
        using unlocked = await header.unlock(secret, { kdf, limit, only: null }, signal);
        using plain = openPlainVolume(place, header.mapping(place.sizeBytes), unlocked.volumeKeys);
        met.add("opened");
        await plain.read(0, Math.min(plain.sizeBytes, 65536), signal);
      });
    }
  }
  return met;
}

const seeds: { name: string; image: Image; reads: Read[]; metadata: number[] }[] = [];
for (const { name, image } of makeSeeds(process.env.LOCKSTEP_TEST_IMAGES ?? null)) {
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const reads: Read[] = [];
  const met = await tryAll(image, secrets(), (offsetBytes, lengthBytes) => {
    if (lengthBytes > 0) reads.push({ offsetBytes, lengthBytes });
  });
  const metadata = reads
    .map(({ offsetBytes }) => offsetBytes)
    .filter((at) => at > 0 && Buffer.from(image.read(at, 8)).toString("latin1") === "-FVE-FS-");
  seeds.push({ name, image, reads, metadata: [...new Set(metadata)] });
  console.log(`${name}: ${reads.length} reads, ${[...met].join(" ") || "no error"}`);
}

const counts = new Map<string, number>();
const startBytes = process.memoryUsage().rss;
const startMs = performance.now();
let slowest = { ms: 0, seed: 0 };
let mostBytes = 0;
for (let number = 0; number < inputs; number++) {
  const seed = (firstSeed + number) >>> 0;
  const chance = new Chance(seed);
  const { name, image, reads, metadata } = chance.pick(seeds);
  const input = image.fresh();
  let did = mutate(input, reads, chance);
  if (chance.below(4) !== 0) {
    repairChecksums(input, metadata);
    did += "; checksums repaired";
  }
  // Merging a LUKS key takes longer than all the rest.
  const tried = name.includes("luks") && chance.below(16) !== 0 ? [] : secrets();
  let readBytes = 0;
  const from = process.cpuUsage(); // not the clock: nothing in it waits, and the machine may be busy
  const failed = (why: string, cause?: unknown): never => {
    throw new Error(`--seed ${seed} --inputs 1 (${name}: ${did}): ${why}`, { cause });
  };
  try {
    const met = await tryAll(input, tried, (_offsetBytes, lengthBytes) => {
      readBytes += lengthBytes;
    });
    for (const code of met.size === 0 ? ["no error"] : met) counts.set(code, (counts.get(code) ?? 0) + 1);
  } catch (error) {
    failed("not allowed", error);
  }
  const { user, system } = process.cpuUsage(from);
  const tookMs = (user + system) / 1000;
  if (tookMs > slowest.ms) slowest = { ms: tookMs, seed };
  mostBytes = Math.max(mostBytes, readBytes);
  if (tookMs > MOST_MS) failed(`it took ${Math.round(tookMs)} ms`);
  if (readBytes > MOST_BYTES) failed(`it read ${readBytes} bytes`);
  if (number % 1000 === 999) {
    const grown = process.memoryUsage().rss - startBytes;
    if (grown > MOST_BYTES) failed(`the process grew by ${grown} bytes (or some input before it made it grow)`);
  }
  if (number % 50_000 === 49_999)
    console.log(`${number + 1} inputs, ${Math.round((performance.now() - startMs) / 1000)} s`);
}
console.log(`${inputs} inputs from --seed ${firstSeed}, ${Math.round((performance.now() - startMs) / 1000)} s`);
console.log(
  `the slowest took ${Math.round(slowest.ms)} ms (--seed ${slowest.seed}), the most read was ${mostBytes} bytes`,
);
for (const [code, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`  ${code}: ${count}`);
