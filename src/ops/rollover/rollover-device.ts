import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

import { openExistingTarget } from "#disk/existing-target.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import type { LiveHeader } from "#ops/volumes/live-header.ts";
import type { Place } from "#volume/source/source.ts";

const run = promisify(execFile);
const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** A path at which a volume begins with its first byte, as cryptsetup takes it. */
export type RolloverDevice = AsyncDisposable & { readonly path: string };

/**
 * Refuses a disk that is held or cannot be written. Does not keep others from it afterwards.
 *
 * @throws {LockstepError} TARGET_IN_USE, TARGET_DENIED, TARGET_MISSING, TARGET_UNSUPPORTED, as `openExistingTarget` does
 */
export async function refuseHeldDisk(path: string, signal: AbortSignal): Promise<void> {
  await using _target = await openExistingTarget(path, 0, {}, signal);
}

/**
 * Makes a volume of a disk that is not in use a device of its own: a loop device for a part of the disk, which goes when this process
 * ends, however it does.
 *
 * @throws {LockstepError} as `refuseHeldDisk`; VOLUME_UNSUPPORTED: it is not in one piece; CRYPTSETUP_FAILED: no loop device can be made
 */
export async function openRolloverDevice(
  path: string,
  { volume, place, isWholeDisk }: Pick<LiveHeader, "volume" | "place" | "isWholeDisk">,
  signal: AbortSignal,
): Promise<RolloverDevice> {
  await refuseHeldDisk(path, signal);
  if (isWholeDisk) return { path, [Symbol.asyncDispose]: async () => {} };
  if (place !== null) return attachLoop(path, place);
  throw new LockstepError("VOLUME_UNSUPPORTED", `changing volume ${volume} of ${path}: it is not in one piece`, {
    hint: "Do the steps by hand, where the volume is in use: --executor steps.",
  });
}

async function attachLoop(path: string, { offsetBytes, lengthBytes }: Place): Promise<RolloverDevice> {
  const part = ["--offset", String(offsetBytes), "--sizelimit", String(lengthBytes)];
  try {
    const { stdout } = await run("losetup", ["--find", "--show", ...part, "--", path], { env });
    const device = stdout.trim();
    const file = await open(device, "r");
    // Detached already, it lasts as long as somebody has it open.
    await run("losetup", ["--detach", device], { env });
    return { path: device, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    throw new LockstepError("CRYPTSETUP_FAILED", `making a device of a part of ${path}: ${messageOf(error)}`, {
      hint: "That takes root and loop devices; or do the steps by hand: --executor steps.",
      cause: error,
    });
  }
}
