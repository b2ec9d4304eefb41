import { readdirSync } from "node:fs";
import { join } from "node:path";

import { run } from "../../disk/rig.ts";

/** Where `scripts/setup-debian` puts the parts of Debian's package. */
const FOLDER = "/var/cache/lockstep-guest";

/** A kernel that the guest boots, and its modules. */
export type GuestKernel = { readonly image: string; readonly release: string };

/** @returns null where none was fetched */
export function findKernel(): GuestKernel | null {
  try {
    const [release] = readdirSync(join(FOLDER, "lib/modules"));
    return release === undefined ? null : { image: join(FOLDER, "boot", `vmlinuz-${release}`), release };
  } catch {
    return null;
  }
}

/**
 * The files of modules and of all that they need, in the order in which they can be loaded.
 *
 * @throws when the kernel has none of a name
 */
export function moduleFiles({ release }: GuestKernel, names: readonly string[]): readonly string[] {
  const files = new Set<string>();
  for (const name of names) {
    const lines = run("modprobe", "--dirname", FOLDER, "--set-version", release, "--show-depends", name).split("\n");
    for (const line of lines) {
      const file = /^insmod (\S+)/.exec(line)?.[1];
      if (file !== undefined) files.add(file);
    }
  }
  return [...files];
}
