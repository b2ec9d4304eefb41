import { setTimeout } from "node:timers/promises";

import { ensureCopied, isCopyDue, isReadyForCopies } from "#keys/copies/copies.ts";
import type { CopySide } from "#keys/copies/open-places.ts";

/** How often the places are looked at although nothing changed: another server may have claimed a later epoch. */
const LOOK_MS = 10 * 60 * 1000;
/** How long it waits after a failure, and for a place that was away. */
const PAUSE_MS = 60 * 1000;
/** How long a place may take when the process ends. */
const LAST_MS = 10 * 1000;

/**
 * Writes a copy soon after each change, until it is stopped; and once more then, so that a process that ends leaves nothing behind
 * that only it has. Nothing happens while the store is sealed, or has no kit or no place.
 *
 * @param how.tickMs  how often it looks whether something changed
 * @param how.clock   milliseconds that only ever grow
 * @param how.failed  told of each failure
 */
export async function keepCopied(
  side: CopySide,
  how: { readonly tickMs: number; readonly clock: () => number; readonly failed: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const { tickMs, clock, failed } = how;
  let lookAtMs = clock();
  let quietUntilMs = 0;
  const copyWhereDue = async (isDue: () => boolean, stop: AbortSignal): Promise<void> => {
    try {
      if (!canCopy(side) || !isDue()) return;
      const { places } = await ensureCopied(side, stop);
      lookAtMs = clock() + (places.some(({ failure }) => failure !== null) ? PAUSE_MS : LOOK_MS);
    } catch (error) {
      quietUntilMs = clock() + PAUSE_MS;
      failed(error);
    }
  };
  while (await sleep(tickMs, signal)) {
    if (clock() >= quietUntilMs) await copyWhereDue(() => clock() >= lookAtMs || isCopyDue(side.store), signal);
  }
  await copyWhereDue(() => isCopyDue(side.store), AbortSignal.timeout(LAST_MS));
}

function canCopy({ store }: CopySide): boolean {
  return !store.isSealed && isReadyForCopies(store);
}

/** Whether it slept for all of the time. */
async function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await setTimeout(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
