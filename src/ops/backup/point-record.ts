import type { Consistency } from "#vault/entry/entry.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId, MachineId, PointId } from "#vault/object/ids.ts";
import type { PointBody } from "#vault/point-body.ts";

/** A disk of a point, with all that is known of it. */
export type DiskRecord = {
  readonly name: string;
  readonly id: DiskId;
  readonly sizeBytes: number;
  /** Bytes that are not zeros. */
  readonly dataBytes: number;
  readonly capturedFrom: string;
  readonly capturedTo: string;
  /** How changes were found; null where the point's body cannot be read. */
  readonly changes: "scan" | "ranges" | null;
  /** Offset and length of what the source could not read; null where the point's body cannot be read. */
  readonly unreadable: readonly (readonly [offsetBytes: number, lengthBytes: number])[] | null;
  /** Why it is torn, in words; null when it is not, or where the point's body cannot be read. */
  readonly torn: string | null;
};

/**
 * A point, as `point.json` beside its restored disks has it: what never changes of it, so that a restore that goes on finds
 * its own record again. docs/json.md, "point.json"
 */
export type PointRecordFile = {
  readonly point: PointId;
  readonly machineId: MachineId;
  readonly capturedAt: string;
  readonly consistency: Consistency;
  /** The point that it was compared with; null for a full one. */
  readonly base: PointId | null;
  readonly unreadableBytes: number;
  readonly disks: readonly DiskRecord[];
  /** As it was when the point was taken; as it is now where the point's body cannot be read. */
  readonly machine: MachineDefinition;
};

/** What is written down of a point. @param body  null where it cannot be read */
export function pointRecord(log: Log, point: PointState, body: PointBody | null): PointRecordFile {
  return {
    point: point.point,
    machineId: log.machine,
    capturedAt: point.capturedAt,
    consistency: point.consistency,
    base: point.base,
    unreadableBytes: point.unreadableBytes,
    disks: point.disks.map(({ disk, name: diskName, sizeBytes, dataBytes, capturedFrom, capturedTo }) => {
      const more = body?.disks.find((each) => each.disk === disk);
      const { changes = null, unreadable = null, torn = null } = more ?? {};
      return { name: diskName, id: disk, sizeBytes, dataBytes, capturedFrom, capturedTo, changes, unreadable, torn };
    }),
    machine: body?.machine ?? log.fold.machine,
  };
}
