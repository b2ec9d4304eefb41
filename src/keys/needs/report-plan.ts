import { areMany, isExpectedToGo, isShortened, nextForecast, quarantineLeft } from "#keys/vaults/quarantine.ts";
import type { Forecast } from "#keys/vaults/quarantine.ts";

/** An encrypted volume of a point, by the public identities of its header: 64 hex digits each. */
export type ReportedVolume = {
  readonly disk: string;
  readonly volume: string;
  readonly format: "luks1" | "luks2" | "bitlocker";
  readonly volumeIdentity: string;
  readonly headerDigest: string;
  readonly protectors: readonly string[];
};

/** A point as a report has it. */
export type ReportedPoint = {
  /** 32 hex digits. */
  readonly point: string;
  readonly name: string;
  readonly capturedMs: number;
  /** A forecast; null: until somebody deletes it. */
  readonly expectedUntilMs: number | null;
  readonly volumes: readonly ReportedVolume[];
  /** Equal for equal volumes. */
  readonly volumesDigest: string;
};

/** A point as it is stored, its volumes apart. */
export type StoredPoint = Pick<ReportedPoint, "point" | "name" | "capturedMs" | "volumesDigest"> & {
  readonly forecast: Forecast;
  /** The counted day on which a report first came without it; null while reports have it. */
  readonly missingDay: number | null;
};

/** What a report changes. */
export type ReportPlan = {
  /** Points that are new or have changed, as they are stored. */
  readonly saved: readonly StoredPoint[];
  /** Points whose volumes are others than they were last reported to be; new ones too. */
  readonly volumes: readonly ReportedPoint[];
  /** Points whose quarantine is over. */
  readonly freed: readonly string[];
  /** Stored for the first time. */
  readonly added: number;
  /** Came back out of quarantine. */
  readonly returned: number;
  /** Went into quarantine by this report. */
  readonly fallen: number;
  /** Points of the machine that are in quarantine after the report. */
  readonly quarantined: number;
  /** That so many points fell today that a custodian must be told: how many, of how many. Null: they did not, or not by this report. */
  readonly alarm: { readonly missing: number; readonly points: number } | null;
};

/**
 * What a machine's report changes, on its counted day `today`. What it no longer has is not gone: it waits in quarantine, and is
 * freed by a report that still does not have it on a day on which the quarantine is over.
 *
 * @param reported  no point twice
 * @param now.today  the machine's counted day
 * @param now.nowMs  the clock: it decides for nothing but the alarm
 */
export function planReport(
  stored: ReadonlyMap<string, StoredPoint>,
  reported: ReadonlyMap<string, ReportedPoint>,
  { today, nowMs }: { readonly today: number; readonly nowMs: number },
): ReportPlan {
  const saved: StoredPoint[] = [];
  const volumes: ReportedPoint[] = [];
  const freed: string[] = [];
  const counts = { added: 0, returned: 0, fallen: 0, quarantined: 0 };
  const told = { before: 0, missing: 0, isNew: false };
  for (const point of reported.values()) {
    const before = stored.get(point.point);
    if (before !== undefined && isAsBefore(before, point)) {
      told.before++;
      continue;
    }
    const after = storedPoint(point, before, today);
    const isChanged = before === undefined || differs(before, after);
    if (isChanged) saved.push(after);
    if (before?.volumesDigest !== point.volumesDigest) volumes.push(point);
    if (before === undefined) {
      counts.added++;
      continue;
    }
    told.before++;
    if (before.missingDay !== null) counts.returned++;
    if (!isShortened(after.forecast, today)) continue;
    told.missing++;
    told.isNew ||= isChanged;
  }
  for (const before of stored.values()) {
    if (reported.has(before.point)) continue;
    const missingDay = before.missingDay ?? today;
    const isExpected = isExpectedToGo(before.forecast, nowMs);
    if (before.missingDay === null) {
      saved.push({ ...before, missingDay });
      counts.fallen++;
      told.isNew ||= !isExpected;
    }
    if (quarantineLeft(missingDay, today) === 0) {
      freed.push(before.point);
      continue;
    }
    counts.quarantined++;
    if (missingDay !== today || isExpected) continue;
    told.before++;
    told.missing++;
  }
  const isAlarm = told.isNew && areMany(told.missing, told.before);
  return { saved, volumes, freed, ...counts, alarm: isAlarm ? { missing: told.missing, points: told.before } : null };
}

/** Whether a point is just as it was, and nothing of it waits: as most are, each time. */
function isAsBefore({ forecast, missingDay, ...before }: StoredPoint, after: ReportedPoint): boolean {
  return (
    missingDay === null &&
    forecast.nearer === null &&
    forecast.untilMs === after.expectedUntilMs &&
    before.name === after.name &&
    before.capturedMs === after.capturedMs &&
    before.volumesDigest === after.volumesDigest
  );
}

function storedPoint(
  { point, name, capturedMs, expectedUntilMs, volumesDigest }: ReportedPoint,
  before: StoredPoint | undefined,
  today: number,
): StoredPoint {
  const forecast =
    before === undefined
      ? { untilMs: expectedUntilMs, nearer: null }
      : nextForecast(before.forecast, expectedUntilMs, today);
  return { point, name, capturedMs, forecast, missingDay: null, volumesDigest };
}

function differs(a: StoredPoint, b: StoredPoint): boolean {
  return (
    a.name !== b.name ||
    a.capturedMs !== b.capturedMs ||
    a.volumesDigest !== b.volumesDigest ||
    a.missingDay !== b.missingDay ||
    a.forecast.untilMs !== b.forecast.untilMs ||
    a.forecast.nearer?.untilMs !== b.forecast.nearer?.untilMs ||
    a.forecast.nearer?.since !== b.forecast.nearer?.since
  );
}
