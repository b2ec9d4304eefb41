import { existsSync } from "node:fs";

import { run, shell } from "./measure.ts";
import { peers } from "./peers.ts";
import type { Workspace } from "./workspace.ts";

/** Backs the image up to a vault, and to a repository of each peer, unless an earlier case has done so. */
export async function firstBackups(space: Workspace): Promise<void> {
  const image = space.image();
  const { restic, borg } = peers(space);
  if (!existsSync(space.path("vault"))) {
    await space.newVault("vault", "bench", image);
    await run(space.lockstep("vault", "backup", "bench"));
  }
  if (!existsSync(space.path("restic"))) {
    await run(shell(`restic init -q && restic backup -q '${image}'`, restic));
  }
  if (!existsSync(space.path("borg"))) {
    const create = `borg create -C none --chunker-params fixed,4194304 ::one '${image}'`;
    await run(shell(`borg init -e repokey-blake2 && ${create}`, borg));
  }
}
