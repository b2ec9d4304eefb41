import { LockstepError } from "#errors/errors.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { LogWriter } from "#vault/log/log-writer.ts";
import { openLog } from "#vault/log/log.ts";
import type { Log } from "#vault/log/log.ts";
import type { MachineId, PointId } from "#vault/object/ids.ts";
import { SegmentReader } from "#vault/segments/segment-reader.ts";
import type { SlotOpener } from "#vault/segments/segment-reader.ts";

/** An opened vault: where it lies, what opens it, and who works in it. */
export type Vault = LogWriter;

/** Opens and reads one machine's log. @throws {LockstepError} what `openLog` throws */
export function openMachine(vault: Vault, machine: MachineId, expect: Head | null, signal: AbortSignal): Promise<Log> {
  return openLog({ ...vault, machine, expect }, signal);
}

/**
 * A reader of a machine's segments that follows its log.
 *
 * @param point  what is being read: once it is purged, a miss is POINT_GONE and not damage; null where the caller holds
 *               what it reads in another way (the base of its open session)
 * @param open   opens slots; in this thread where nothing else is given
 */
export function segmentReader(vault: Vault, log: Log, point: PointId | null, open?: SlotOpener): SegmentReader {
  return new SegmentReader({
    store: vault.store,
    keys: vault.keyring.keys,
    machine: log.machine,
    ...(open === undefined ? {} : { open }),
    resolver: {
      current: ({ disk, kind, segment }) => currentGeneration(log.fold, disk, kind, segment),
      refresh: async (signal) => {
        const fold = await log.read(signal);
        if (point !== null && !fold.points.has(point))
          throw new LockstepError("POINT_GONE", `Point ${point} is gone: it was purged meanwhile.`);
      },
    },
  });
}
