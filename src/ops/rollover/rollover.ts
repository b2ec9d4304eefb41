import type { RolloverFacts } from "#api/rollover.ts";
import type { ReplyOf } from "#api/routes.ts";
import type { KeyClient } from "#client/key-client.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import { keepHeader } from "#ops/rollover/rollover-backup.ts";
import { addKeyslot, removeKeyslot } from "#ops/rollover/rollover-cryptsetup.ts";
import { openRolloverDevice, refuseHeldDisk } from "#ops/rollover/rollover-device.ts";
import { RolloverValues } from "#ops/rollover/rollover-values.ts";
import { readLiveHeader } from "#ops/volumes/live-header.ts";
import type { LiveHeader } from "#ops/volumes/live-header.ts";

/** The volume that a rollover is of, as this host reaches it. */
export type RolloverVolume = {
  /** An image file or block device. */
  readonly path: string;
  /** Its name in the disk's map; null: whichever has the identity. */
  readonly volume: string | null;
  /** By the binding whose protector is replaced. */
  readonly identity: string;
};

export type RolloverDeps = {
  /** Asks as a custodian. */
  readonly client: KeyClient;
  /** Where headers are kept as they were before. */
  readonly backupFolder: string;
};

export type RolloverAim = "forward" | "back";

/** What one look at the live header came to. */
export type RolloverLook = ReplyOf<"rollover.next"> & { readonly live: LiveHeader };

/** Add, remove, and see that it is done; and a few more where somebody else changes the header meanwhile. */
const MOST_STEPS = 12;

/**
 * Begins a rollover on the volume as it is now, or goes on with it. Nothing is done to the volume.
 *
 * @throws {LockstepError} TARGET_IN_USE, TARGET_DENIED: cryptsetup could not change it; as `readLiveHeader`; and what `rollover.begin`
 *   answers with
 */
export async function beginRollover(
  { client }: RolloverDeps,
  { path, volume, identity }: RolloverVolume,
  how: { readonly binding: string; readonly executor: RolloverFacts["executor"] },
  signal: AbortSignal,
): Promise<RolloverFacts> {
  if (how.executor === "cryptsetup") await refuseHeldDisk(path, signal);
  const { presented } = await readLiveHeader(path, identity, volume, signal);
  const { rollover } = await client.call("rollover.begin", { ...how, header: presented }, signal);
  return rollover;
}

/**
 * Shows the key side the live header, which notes how far the rollover is and says what is to be done next. Before anybody does the first
 * of it, the header is kept as it is.
 *
 * @throws {LockstepError} as `readLiveHeader` and `keepHeader`; and what `rollover.next` answers with
 */
export async function lookAtRollover(
  { client, backupFolder }: RolloverDeps,
  { path, volume, identity }: RolloverVolume,
  { rollover, aim }: { readonly rollover: string; readonly aim: RolloverAim },
  signal: AbortSignal,
): Promise<RolloverLook> {
  const live = await readLiveHeader(path, identity, volume, signal);
  const next = await client.call("rollover.next", { rollover, aim, header: live.presented }, signal);
  if (next.task.do !== "nothing") await keepHeader(backupFolder, rollover, live, signal);
  return { ...next, live };
}

/**
 * Does one task to the volume by cryptsetup, unless the header has changed since it was looked at; then nothing is done, and another look
 * says what to do now.
 *
 * @throws {LockstepError} TARGET_IN_USE, TARGET_DENIED, CRYPTSETUP_FAILED, SECRET_REJECTED, VOLUME_UNSUPPORTED; and what
 *   `RolloverValues.get` throws
 */
export async function doRolloverTask(
  { path, volume, identity }: RolloverVolume,
  { task, live }: Pick<RolloverLook, "task" | "live">,
  values: RolloverValues,
  signal: AbortSignal,
): Promise<void> {
  if (task.do === "nothing") return;
  await refuseHeldDisk(path, signal);
  const { old, made } = await values.get(signal);
  await using device = await openRolloverDevice(path, live, signal);
  const now = await readLiveHeader(path, identity, volume, signal);
  if (now.facts.headerDigest !== live.facts.headerDigest) return;
  throwIfCancelled(signal);
  if (task.do === "add") await addKeyslot(device.path, slotOf(task.slot), { existing: old, added: made });
  else await removeKeyslot(device.path, keyslotNumber(task.protector), task.by === "new" ? made : old);
}

/**
 * Brings a rollover to its end by cryptsetup on this host. It may be stopped or killed at any moment, and be run again.
 *
 * @param told  each look, before its task is done
 * @returns     the last look: nothing is left to do
 * @throws {LockstepError} as `lookAtRollover` and `doRolloverTask`; DISK_CHANGED: somebody else changes the header again and again
 */
export async function runRollover(
  deps: RolloverDeps,
  volume: RolloverVolume,
  what: { readonly rollover: string; readonly aim: RolloverAim },
  told: (look: RolloverLook) => void,
  signal: AbortSignal,
): Promise<RolloverLook> {
  using values = new RolloverValues(deps.client, what.rollover);
  for (let step = 0; step < MOST_STEPS; step++) {
    const look = await lookAtRollover(deps, volume, what, signal);
    told(look);
    if (look.task.do === "nothing") return look;
    await doRolloverTask(volume, look, values, signal);
  }
  throw new LockstepError("DISK_CHANGED", `rolling over a volume of ${volume.path}: somebody else changes its header`, {
    hint: "Find out who, and run the same command again.",
  });
}

function slotOf(slot: number | null): number {
  if (slot !== null) return slot;
  throw new LockstepError("VOLUME_UNSUPPORTED", "rolling over: cryptsetup changes keyslots of LUKS, and this is none", {
    hint: "Do the steps by hand: --executor steps.",
  });
}

/** The number in `keyslot 3`, as volumes of LUKS name their protectors. @throws {LockstepError} VOLUME_UNSUPPORTED */
function keyslotNumber(protector: string): number {
  const [, number] = /^keyslot ([0-9]{1,2})$/.exec(protector) ?? [];
  return slotOf(number === undefined ? null : Number(number));
}
