import { randomFillSync } from "node:crypto";
import process from "node:process";

import { parseCipher } from "#volume/cipher/cipher-name.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";

const MIB = 2 ** 20;
const RUNS = 7;
const bufferBytes = 64 * MIB;
const runBytes = 256 * MIB;

/** What a cipher decrypts in a second of processor time, and its goal; null where there is none. */
export type DecryptRate = { readonly name: string; readonly megabytesPerSecond: number; readonly goal: number | null };

/**
 * How fast sectors are decrypted on one core: the median of seven runs over a buffer that is larger than the processor's
 * caches, by the processor time of the process, so that others who use the machine weigh less.
 */
export function decryptRates(): readonly DecryptRate[] {
  const buffer = randomFillSync(new Uint8Array(bufferBytes));
  return goals.map(([name, spec, goal]) => {
    const wanted = spec.cipher === "aes" ? runBytes : runBytes / 8;
    const rates = Array.from({ length: RUNS }, () => rateOf(buffer, spec, wanted)).toSorted((a, b) => a - b);
    return { name, megabytesPerSecond: rates[Math.floor(RUNS / 2)] ?? Number.NaN, goal };
  });
}

/** MB/s that must be reached, where there is a goal. */
const goals: readonly (readonly [name: string, spec: SectorCipherSpec, goal: number | null])[] = [
  ["aes-xts-plain64, 512", named("aes-xts-plain64", 64, 512), 500],
  ["aes-xts-plain64, 4096", named("aes-xts-plain64", 64, 4096), 500],
  ["aes-cbc-essiv:sha256, 512", named("aes-cbc-essiv:sha256", 32, 512), 700],
  ["aes-cbc-essiv:sha256, 4096", named("aes-cbc-essiv:sha256", 32, 4096), 700],
  ["BitLocker AES-CBC, 512", bitlocker(false), 700],
  ["BitLocker AES-CBC + Elephant, 512", bitlocker(true), null],
  ["aes-lrw-benbi, 512", named("aes-lrw-benbi", 48, 512), null],
  ["camellia-xts-plain64, 512", named("camellia-xts-plain64", 64, 512), null],
  ["serpent-xts-plain64, 512", named("serpent-xts-plain64", 64, 512), null],
  ["twofish-xts-plain64, 512", named("twofish-xts-plain64", 64, 512), null],
];

/** 10^6 bytes a second of processor time. */
function rateOf(buffer: Uint8Array, spec: SectorCipherSpec, wanted: number): number {
  using cipher = openSectorCipher(spec, randomFillSync(new Uint8Array(spec.keyBytes)));
  const started = process.cpuUsage();
  let done = 0;
  for (; done < wanted; done += MIB) {
    const at = done % bufferBytes;
    cipher.decrypt(buffer.subarray(at, at + MIB), BigInt(done / spec.ivUnitBytes));
  }
  const { user, system } = process.cpuUsage(started);
  return done / (user + system);
}

function named(text: string, keyBytes: number, sectorBytes: number): SectorCipherSpec {
  const parsed = parseCipher(text, keyBytes, sectorBytes);
  if (!("cipher" in parsed)) throw new Error(`no cipher: ${text}`);
  return parsed;
}

function bitlocker(diffuser: boolean): SectorCipherSpec {
  const keyBytes = diffuser ? 64 : 32;
  return { ...named("aes-cbc-plain64", 32, 512), iv: { kind: "bitlocker" }, keyBytes, diffuser };
}
