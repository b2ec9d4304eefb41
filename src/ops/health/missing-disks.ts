import { stat } from "node:fs/promises";

import { shellWord } from "#bytes/shell-word.ts";
import { systemErrorName } from "#disk/system-error.ts";
import type { Need } from "#ops/health/machine-health.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import { newestLive } from "#ops/points/newest-live.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Fold } from "#vault/fold/fold.ts";

/**
 * Says which disks of a machine are gone from where this host reaches them. Does not open them: one that another disk took the place of
 * is for the next backup to notice.
 *
 * @param host  this host's name; paths of other hosts mean nothing here
 * @returns     nothing for a machine that is protected no longer, and for paths that this user may not look at
 */
export async function missingDisks(fold: Fold, host: string): Promise<readonly Need[]> {
  const { machine } = fold;
  if (!machine.protected) return [];
  const here = disksInUse(machine).filter((disk) => disk.host === host);
  const gone = await Promise.all(here.map(async ({ path }) => !(await mayBeThere(path))));
  return here.filter((_, at) => gone[at] === true).map((disk) => missing(fold, disk));
}

async function mayBeThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const name = systemErrorName(error);
    if (name === null) throw error;
    return !["ENOENT", "ENOTDIR", "ELOOP"].includes(name);
  }
}

function missing(fold: Fold, { id, name, path, identity }: DiskDefinition): Need {
  const machine = fold.machine.name;
  const isStored = newestLive(fold)?.disks.some(({ disk }) => disk === id) === true;
  const moved = `where it was moved to: \`lockstep machine set ${machine} --disk ${name}=PATH\``;
  const to = identity.kind === "block" ? "DEVICE --in-place" : shellWord(path); // no file among the devices
  const lost = `; if it is lost: \`lockstep restore ${machine} --disk ${name} --to ${to}\``;
  return {
    kind: "disk-missing",
    words: `its disk ${name} is not at ${path}`,
    hint: `say ${moved}${isStored ? lost : ""}`,
  };
}
