import { kdfProcess } from "#kdf/kdf-process.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

/** How much longer than estimated a derivation may take before it is killed: machines differ. */
const SLOWER = 10;
const LEAST_SECONDS = 60;

/** Derives keys in processes of their own, for derivations up to a cost; `ahead` is as `kdfProcess` has it. */
export function openKeyDeriver({ memoryKiB, seconds }: CostLimit, ahead = 0): KeyDeriver & AsyncDisposable {
  return kdfProcess({ memoryMiB: memoryKiB / 1024, seconds: Math.max(LEAST_SECONDS, SLOWER * seconds) }, ahead);
}

/**
 * How many derivations to expect of opening a volume with a secret, for `ahead`: that of the protector which it opens, and for
 * LUKS, whose secrets are these kinds, that of the volume key's digest. It may take more, or fewer.
 */
export function derivationsFor({ kind }: Pick<VolumeSecret, "kind">): number {
  switch (kind) {
    case "passphrase":
    case "key-file":
      return 2;
    case "recovery-password":
      return 1;
    case "startup-key":
    case "volume-key":
    case "none":
      return 0;
  }
}
