import type { Random } from "#crypto/derive.ts";
import type { DiskIdentity } from "#disk/contract.ts";
import { compareIdentity } from "#disk/identity.ts";
import { openDisk } from "#disk/open.ts";
import { LockstepError } from "#errors/errors.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import { newId } from "#vault/object/ids.ts";
import type { DiskId } from "#vault/object/ids.ts";

/** Bytes of a block, as measurements chose them. */
const BLOCK_BYTES = 64 * 1024;

/** Where a disk is. */
export type DiskPlace = {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
};

/**
 * Defines a disk of a machine: looks at it to know it again, and gives it an id for ever.
 *
 * @throws {LockstepError} what `readIdentity` throws
 */
export async function defineDisk(
  { name, path }: DiskPlace,
  deps: { readonly host: string; readonly now: () => Temporal.Instant; readonly random: Random },
  signal: AbortSignal,
): Promise<DiskDefinition> {
  const identity = await readIdentity(path, signal);
  const { host, now, random } = deps;
  const id = newId<DiskId>(random);
  return { id, name, path, host, blockBytes: BLOCK_BYTES, identity, addedAt: now().toString() };
}

/**
 * What tells the disk at a path from others.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: a path that the log cannot hold; and what `openDisk` throws
 */
export async function readIdentity(path: string, signal: AbortSignal): Promise<DiskIdentity> {
  if (/\p{Cc}/u.test(path)) {
    throw new LockstepError("ARGUMENT_INVALID", `the path ${JSON.stringify(path)} has control characters`, {
      hint: "Give the disk another name, or name it by a symbolic link.",
    });
  }
  await using disk = await openDisk(path, {}, signal);
  return disk.identity;
}

/** Says in words why a disk is another one than was defined; empty when it may be the same. */
export function otherDisk({ identity }: DiskDefinition, found: DiskIdentity): readonly string[] {
  const { kind } = identity;
  if (kind !== "file" && kind !== "block") return [`it was a disk of the kind "${kind}"`];
  return compareIdentity({ ...identity, kind }, found);
}

/** The disks of a machine that are backed up. */
export function disksInUse({ disks }: { readonly disks: readonly DiskDefinition[] }): readonly DiskDefinition[] {
  return disks.filter(({ removedAt }) => removedAt === undefined);
}
