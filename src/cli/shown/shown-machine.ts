import { formatKeep, parseKeep } from "#policy/keep.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";

/** A disk of a machine as JSON shows it. docs/json.md, "A machine" */
export type ShownDisk = {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly host: string;
  readonly sizeBytes: number;
  readonly addedAt: string;
  readonly removedAt: string | null;
};

/** A machine as JSON shows it. docs/json.md, "A machine" */
export type ShownMachine = {
  readonly id: string;
  readonly name: string;
  readonly protected: boolean;
  readonly keep: string;
  readonly everyHours: number;
  readonly timeZone: string;
  readonly disks: readonly ShownDisk[];
  /** The newest entry of its log, as `--expect` takes it. */
  readonly head: string;
};

export function shownMachine({ machine: id, fold }: Log): ShownMachine {
  const { name, everyHours, timeZone, disks } = fold.machine;
  return {
    id,
    name,
    protected: fold.machine.protected,
    keep: keepOf(fold.machine),
    everyHours,
    timeZone,
    disks: disks.map(shownDisk),
    head: `${fold.seq}:${fold.hash}`,
  };
}

/** A machine's keep rule as it is typed. */
export function keepOf({ keep }: { readonly keep: string }): string {
  return keep === "" ? "all" : formatKeep(parseKeep(keep));
}

function shownDisk({ id, name, path, host, identity, addedAt, removedAt }: DiskDefinition): ShownDisk {
  return { id, name, path, host, sizeBytes: identity.sizeBytes, addedAt, removedAt: removedAt ?? null };
}
