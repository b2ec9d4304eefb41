import type { TestContext } from "node:test";

import type { Trial } from "../cli/trial.ts";
import { volumeTrial } from "../cli/volume-rig.ts";

/** Protects the machine web01 with a LUKS2 volume, and gives the key store the passphrase of that volume. */
export const keyAndMachine = [
  "lockstep key add web01 --value-file pw.bare",
  "lockstep key bind web01/v1 disks/luks2.raw",
  "lockstep protect web01 --disk disks/luks2.raw --keep daily=7",
] as const;

/**
 * A `volumeTrial` with a vault and a key store that a key file opens; it is sealed at the end, which ends its key side.
 *
 * @param commands  run one after the other in it; each must succeed
 * @returns         null where a program is missing: then the test is skipped
 */
export function keyStoreTrial(t: TestContext, ...commands: readonly string[]): Trial | null {
  const trial = volumeTrial(t);
  if (trial === null) return null;
  trial.prepare("rm config.toml", "lockstep init vault --key-file key --key-store-opens key-file --no-kit-check");
  t.after(() => trial.run("lockstep keystore seal"));
  trial.prepare(...commands);
  return trial;
}
