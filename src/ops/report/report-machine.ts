import type { Verdict } from "#api/proofs.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { listPoints } from "#ops/points/points.ts";
import type { ListedPoint } from "#ops/points/points.ts";
import { lightCounts } from "#ops/report/report-counts.ts";
import type { LightCounts } from "#ops/report/report-counts.ts";
import type { Consistency, Receipt } from "#vault/entry/entry.ts";
import type { Log } from "#vault/log/log.ts";

/** What a report says of a machine, all of it by the machine's log. */
export type ReportMachine = {
  readonly id: string;
  readonly name: string;
  /** Whether it is still backed up. */
  readonly protected: boolean;
  /** The newest first; deleted ones that can be brought back, too. */
  readonly points: readonly ReportPoint[];
  /** How many points that are not deleted have each light. */
  readonly live: LightCounts;
  /** The same of those that are deleted. */
  readonly deleted: LightCounts;
  /** The newest of each key store that the log has; docs/format/receipts.md. */
  readonly receipts: readonly Receipt[];
};

export type ReportPoint = {
  readonly id: string;
  readonly name: string;
  readonly capturedAt: string;
  readonly consistency: Consistency;
  /** It goes for good after `expectedUntil`, unless it is undeleted before. */
  readonly deleted: boolean;
  readonly light: PointLight;
  /** What was last stated of each encrypted volume; those of which nothing was are missing. */
  readonly stated: readonly StatedOfVolume[];
  /** A day, or an instant of a deleted one; a forecast. Null: until somebody deletes it. */
  readonly expectedUntil: string | null;
};

export type StatedOfVolume = {
  readonly disk: string;
  readonly volume: string;
  /** A `Verdict`, unless a later program wrote it. */
  readonly verdict: Verdict | (string & {});
  /** Null where none is bound. */
  readonly version: string | null;
  /** When the last real derivation was; null where there was none. */
  readonly derivedAt: string | null;
};

/** Says what a machine's log has of its points. Reads nothing: the log is as it was read last. */
export function reportMachine(log: Log, now: Temporal.Instant): ReportMachine {
  const { fold } = log;
  const lightOf = pointLights(fold, now);
  const listed = [...listPoints(log, "live", now), ...listPoints(log, "deleted", now)];
  const points = listed.map((point) => reportPoint(point, lightOf(point.state)));
  return {
    id: log.machine,
    name: fold.machine.name,
    protected: fold.machine.protected,
    points,
    live: countsOf(points.filter(({ deleted }) => !deleted)),
    deleted: countsOf(points.filter(({ deleted }) => deleted)),
    receipts: [...fold.receipts.values()],
  };
}

function reportPoint({ state, name, fate }: ListedPoint, light: PointLight): ReportPoint {
  const diskNames = new Map(state.disks.map(({ disk, name: diskName }) => [disk, diskName]));
  return {
    id: state.point,
    name,
    capturedAt: state.capturedAt,
    consistency: state.consistency,
    deleted: fate.kind === "deleted",
    light,
    stated: state.shown.map(({ disk, volume, verdict, version, derivedAt }) => ({
      disk: diskNames.get(disk) ?? disk,
      volume,
      verdict,
      version,
      derivedAt,
    })),
    expectedUntil: fate.until === "always" ? null : fate.until.toString(),
  };
}

function countsOf(points: readonly ReportPoint[]): LightCounts {
  return lightCounts(points.map(({ light }) => light.light));
}
