import { basename, dirname, extname, resolve } from "node:path";

import { disksInUse } from "#ops/machines/disk-definition.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";

/** Whose disk it is, and which. */
export type DiskPlaceName = { readonly machine: string; readonly disk: string };

/**
 * Names disks by the machines that have them; where none has one, by its file: `/images/web01.raw` is the disk `web01` of a machine
 * `web01`. Several files of one name are told apart by their folders: `/vms/db01/disk.raw` is the disk `disk` of `db01`.
 *
 * @param paths     absolute
 * @param machines  of a vault; those of other hosts may have the same paths
 * @returns         by path
 */
export function placeDisks(
  paths: readonly string[],
  machines: readonly MachineDefinition[],
  host: string,
): ReadonlyMap<string, DiskPlaceName> {
  const known = new Map(
    machines.flatMap((machine) =>
      disksInUse(machine)
        .filter((disk) => disk.host === host)
        .map((disk) => [resolve(disk.path), { machine: machine.name, disk: disk.name }] as const),
    ),
  );
  const stems = Map.groupBy(
    paths.filter((path) => !known.has(path)),
    stemOf,
  );
  return new Map(
    paths.map((path) => {
      const disk = stemOf(path);
      const isAlone = (stems.get(disk)?.length ?? 0) < 2;
      const machine = isAlone ? disk : basename(dirname(path)) || disk;
      return [path, known.get(path) ?? { machine, disk }];
    }),
  );
}

function stemOf(path: string): string {
  return basename(path, extname(path));
}
