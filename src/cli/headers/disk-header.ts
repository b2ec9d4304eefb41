import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import type { HeaderFlags, HeaderToPresent } from "#cli/headers/header-options.ts";
import { vaultMachines } from "#cli/machines/vault-machines.ts";
import { openDisk } from "#disk/open.ts";
import { placeDisks } from "#ops/machines/disk-places.ts";
import { findVolume } from "#ops/volumes/find-volume.ts";
import { presentHeader } from "#ops/volumes/present-header.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { protectorId } from "#volume/header/protector-name.ts";
import { inspect } from "#volume/inspect.ts";

/**
 * Reads the header of a live disk's volume.
 *
 * @throws {LockstepError} what `openDisk` and `findVolume` throw
 */
export async function diskHeader(app: App, typed: string, flags: HeaderFlags): Promise<HeaderToPresent> {
  const { host, signal } = app;
  const path = resolve(host.workingFolder, typed);
  const machines = flags.machine === undefined ? await vaultMachines(app) : [];
  const known = placeDisks([path], machines, host.name).get(path) ?? { machine: typed, disk: typed };
  const machine = flags.machine ?? known.machine;
  await using disk = await openDisk(path, {}, signal);
  const found = findVolume(await inspect(volumeSource(disk), signal), typed, flags.volume ?? null);
  const volume = found.volume.name;
  return {
    header: await presentHeader(found, signal),
    place: { machine, disk: flags.disk ?? known.disk, volume },
    source: "live",
    protector: flags.protector === undefined ? null : protectorId(flags.protector, found.header.facts.protectors),
    volumeUuid: flags.uuid ?? null,
    machine: machines.some(({ name }) => name === machine) ? machine : null,
    shown: volume === "disk" ? typed : `${typed}, volume ${volume}`,
  };
}
