import { kdfProcess } from "#kdf/kdf-process.ts";
import type { CostLimit, KeyDeriver } from "#volume/kdf.ts";

/** How much longer than estimated a derivation may take before it is killed: machines differ. */
const SLOWER = 10;
const LEAST_SECONDS = 60;

/** Derives keys in processes of their own, for derivations up to a cost. */
export function openKeyDeriver({ memoryKiB, seconds }: CostLimit): KeyDeriver & AsyncDisposable {
  return kdfProcess({ memoryMiB: memoryKiB / 1024, seconds: Math.max(LEAST_SECONDS, SLOWER * seconds) });
}
