import { LockstepError } from "#errors/errors.ts";
import type { CostLimit, KdfCost, KdfRequest } from "#volume/header/kdf.ts";

/**
 * The default limit. `cryptsetup luksFormat` asks for at most 1 GiB and aims at two seconds on the machine that it runs on, so
 * volumes made on a much faster machine pass too.
 */
export const defaultCostLimit: CostLimit = { memoryKiB: 1024 * 1024, seconds: 60 };

type HashRate = { readonly rounds: number; readonly bytes: number };

/**
 * Rounds of PBKDF2 a second and bytes of a block, by hash. All rates here are of one core of the machine of bench/RESULTS.md, by
 * processor time (`bench/kdf.ts`), rounded down; its processor has instructions for SHA-1 and SHA-256.
 */
const PBKDF2_RATES: Readonly<Record<string, HashRate>> = {
  sha1: { rounds: 5_000_000, bytes: 20 },
  sha224: { rounds: 5_000_000, bytes: 28 },
  sha256: { rounds: 5_000_000, bytes: 32 },
  sha384: { rounds: 2_000_000, bytes: 48 },
  sha512: { rounds: 2_000_000, bytes: 64 },
  ripemd160: { rounds: 2_000_000, bytes: 20 },
  whirlpool: { rounds: 150_000, bytes: 64 },
};
/** Of hashes that are not in the table. */
const OTHER_HASH: HashRate = { rounds: 1_200_000, bytes: 32 };
/** Of rounds beyond 2^31-1, which OpenSSL does not take. */
const PLAIN_ROUNDS = 300_000;
/** Argon2: KiB filled a second, by one lane; more than two lanes are no faster on two cores. */
const ARGON2_KIB = 700_000;
/** BitLocker: rounds a second. */
const BITLOCKER_ROUNDS = 750_000;

/** What a derivation takes, by its own numbers; nothing is derived. The seconds are an estimate. */
export function costOf(request: KdfRequest): KdfCost {
  switch (request.kind) {
    case "pbkdf2": {
      const { kind, iterations, keyBytes } = request;
      const { rounds: usual, bytes } = PBKDF2_RATES[request.hash.toLowerCase()] ?? OTHER_HASH;
      const rounds = iterations < 2 ** 31 ? usual : Math.min(usual, PLAIN_ROUNDS);
      const blocks = Math.max(1, Math.ceil(keyBytes / bytes)); // RFC 8018, section 5.2: each block takes all rounds
      return { kind, iterations, memoryKiB: 0, lanes: 1, seconds: (iterations * blocks) / rounds };
    }
    case "argon2i":
    case "argon2id": {
      const { kind, passes, memoryKiB, lanes } = request;
      return {
        kind,
        iterations: passes,
        memoryKiB,
        lanes,
        seconds: (memoryKiB * passes) / (ARGON2_KIB * Math.max(1, Math.min(2, lanes))),
      };
    }
    case "bitlocker": {
      const { kind, rounds } = request;
      return { kind, iterations: rounds, memoryKiB: 0, lanes: 1, seconds: rounds / BITLOCKER_ROUNDS };
    }
    default:
      return request satisfies never;
  }
}

/**
 * Refuses a derivation that costs more than is allowed.
 *
 * @param what  what asks for it, for the message: `LUKS2 header: keyslot 3`
 * @throws {LockstepError} KDF_TOO_COSTLY: it says the memory and the time that are asked for and those that are allowed
 */
export function refuseCost(cost: KdfCost, limit: CostLimit, what: string): void {
  if (cost.memoryKiB <= limit.memoryKiB && cost.seconds <= limit.seconds) return;
  const asked = cost.memoryKiB === 0 ? "" : `${mebibytes(cost.memoryKiB)} of memory and `;
  const allowed = cost.memoryKiB === 0 ? "" : `${mebibytes(limit.memoryKiB)} and `;
  throw new LockstepError(
    "KDF_TOO_COSTLY",
    `${what}: ${described(cost)} takes ${asked}about ${seconds(cost.seconds)}; allowed are ${allowed}${seconds(limit.seconds)}`,
    { hint: "If you trust this volume, allow more memory or time." },
  );
}

function described({ kind, iterations }: KdfCost): string {
  const unit = kind === "argon2i" || kind === "argon2id" ? "passes" : "rounds";
  return `${kind} with ${iterations} ${unit}`;
}

function mebibytes(memoryKiB: number): string {
  return `${Math.ceil(memoryKiB / 1024)} MiB`;
}

function seconds(value: number): string {
  return `${value < 10 ? Math.ceil(value * 10) / 10 : Math.ceil(value)} s`;
}
