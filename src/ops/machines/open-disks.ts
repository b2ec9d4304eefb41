import type { DiskIdentity, DiskSource } from "#disk/contract.ts";
import { describeHolders } from "#disk/holder.ts";
import type { Holders } from "#disk/holder.ts";
import { findHolders } from "#disk/holders.ts";
import { openDisk } from "#disk/open.ts";
import { freezeByReflink } from "#disk/reflink.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { disksInUse, otherDisk } from "#ops/machines/disk-definition.ts";
import { diskChanged } from "#ops/machines/machine-edit.ts";
import type { Consistency } from "#vault/entry/entry.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

/** How disks that are in use, or changed, are taken. */
export type DiskTerms = {
  /** This host's name: a disk is opened on the host that reaches it. */
  readonly host: string;
  /** Takes a disk that somebody may write to, as torn. */
  readonly tornOk: boolean;
  /** How to freeze a disk first. */
  readonly snapshot: "reflink" | null;
  /** Takes a disk that looks like another one, and remembers that. */
  readonly acceptChanged: boolean;
};

/** A disk of a machine, opened to be backed up. */
export type OpenedDisk = {
  readonly definition: DiskDefinition;
  readonly source: DiskSource;
  readonly consistency: Consistency;
  /** Why the copy need not be of one instant, in words; null when no writer was found, or it is frozen. */
  readonly torn: string | null;
  /** What it is known by from now on, where it looks like another disk and that was accepted; else null. */
  readonly accepted: DiskIdentity | null;
  /** What could not be looked at when its holders were sought, in words. */
  readonly blindSpots: readonly string[];
};

/** The disks of a machine, opened; closed when it is disposed of. */
export type OpenedDisks = AsyncDisposable & { readonly disks: readonly OpenedDisk[] };

/**
 * Opens all disks of a machine to be backed up.
 *
 * @throws {LockstepError} DISK_MISSING: a disk is on another host, or not there; DISK_IN_USE: somebody may write to it;
 *   DISK_CHANGED: it looks like another disk; SNAPSHOT_UNSUPPORTED; and what `openDisk` throws
 */
export async function openDisks(
  machine: MachineDefinition,
  terms: DiskTerms,
  signal: AbortSignal,
): Promise<OpenedDisks> {
  await using stack = new AsyncDisposableStack();
  const disks: OpenedDisk[] = [];
  for (const disk of disksInUse(machine)) {
    try {
      disks.push(await openOne(machine.name, disk, terms, stack, signal));
    } catch (error) {
      throw placeAsked(error, machine.name, disk, terms.host);
    }
  }
  const kept = stack.move();
  return { disks, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** How a disk is right now, by what was seen of who may write it, and whether a frozen copy is read in its place. */
function consistencyOf(seen: { readonly isDoubted: boolean; readonly isFrozen: boolean; readonly sawAll: boolean }) {
  if (!seen.isDoubted && seen.sawAll) return "offline";
  return !seen.isDoubted || seen.isFrozen ? "crash" : "torn";
}

async function openOne(
  machine: string,
  disk: DiskDefinition,
  terms: DiskTerms,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<OpenedDisk> {
  const { path } = disk;
  if (disk.host !== terms.host) throw elsewhere(machine, disk, terms.host);
  const seen = await findHolders(path, signal);
  const doubt = doubtOf(seen);
  if (doubt !== null && terms.snapshot === null && !terms.tornOk) throw inUse(path, doubt);

  const frozen = terms.snapshot === null ? null : stack.use(await freezeByReflink(path, signal));
  const options = { shownAs: path, alignmentBytes: disk.blockBytes };
  const source = stack.use(await openDisk(frozen?.path ?? path, options, signal));
  const reasons = otherDisk(disk, source.identity);
  if (reasons.length > 0 && !terms.acceptChanged) throw diskChanged(machine, disk, path, reasons);
  return {
    definition: disk,
    source,
    consistency: consistencyOf({ isDoubted: doubt !== null, isFrozen: frozen !== null, sawAll: seen.sawAll }),
    torn: frozen === null ? doubt : null,
    accepted: reasons.length > 0 ? source.identity : null,
    blindSpots: seen.blindSpots,
  };
}

/** The error of a disk that could not be opened; of one that is gone it says how to name its new place. */
function placeAsked(error: unknown, machine: string, { name, host }: DiskDefinition, here: string): unknown {
  if (!isLockstepError(error, "DISK_MISSING") || host !== here) return error;
  const moved = `If it was moved: lockstep machine set ${machine} --disk ${name}=PATH`;
  return new LockstepError("DISK_MISSING", error.message, { hint: `${error.hint ?? ""} ${moved}`, cause: error });
}

/** Why a copy need not be of one instant, in words. See docs/adr/0002-sources-in-use.md. */
function doubtOf({ holders, sawAll, showsWrites }: Holders): string | null {
  const writers = holders.filter(({ mayWrite }) => mayWrite);
  if (writers.length > 0) return describeHolders(writers);
  return sawAll || showsWrites
    ? null
    : "neither all who may hold it can be seen here, nor whether somebody writes to it";
}

function inUse(path: string, held: string): LockstepError {
  return new LockstepError("DISK_IN_USE", `${path} is in use: ${held}`, {
    hint: "Shut the machine down, or use --snapshot reflink where the file system can; --torn-ok takes it as it is, and marks the point as torn.",
  });
}

function elsewhere(machine: string, disk: DiskDefinition, host: string): LockstepError {
  return new LockstepError(
    "DISK_MISSING",
    `disk ${disk.name} of ${machine} is on host ${disk.host}, and this is ${host}`,
    {
      hint: `Back it up there, or say where it is here: lockstep machine set ${machine} --disk ${disk.name}=PATH`,
    },
  );
}
