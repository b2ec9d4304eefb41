import { bindingsOfVersion } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { holdsOf } from "#keys/needs/holds.ts";
import { refusalOf } from "#keys/needs/need.ts";
import type { Need, NeedFacts } from "#keys/needs/need.ts";
import type { ValueKind, VersionId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { runningDays } from "#keys/vaults/counted-days.ts";
import { QUARANTINE_DAYS, RETIRED_DAYS } from "#keys/vaults/quarantine.ts";
import { silentVaults } from "#keys/vaults/silent-vaults.ts";
import type { Version } from "#keys/versions/versions.ts";

/** Points that are listed at most. */
const POINTS_LISTED = 1000;

/** A version, as far as what needs it goes. */
type NeededVersion = Pick<Version, "id" | "kind" | "retiredMs">;

/**
 * Everything that needs a version: the points first, those that are expected to stay longest at the top, and of these no more
 * than 1,000. Whether it may be destroyed is `destructionRefusal`.
 */
export function needsOf(store: KeyStore, version: NeededVersion): readonly Need[] {
  const { liveVolumes, retiredDaysLeft: daysLeft, untried, holds, silentVaults: silent } = loadFacts(store, version);
  return [
    ...pointNeeds(store, version.id),
    ...liveVolumes.map((what) => plainNeed({ kind: "live volume", what })),
    ...(daysLeft > 0
      ? [plainNeed({ kind: "newly retired", what: `for ${daysLeft} counted day${daysLeft === 1 ? "" : "s"} more` })]
      : []),
    ...(untried > 0 ? [plainNeed({ kind: "untried", what: `volumes of points that nothing opens: ${untried}` })] : []),
    ...holds.map(({ id, why, expectedUntilMs }) => plainNeed({ kind: "hold", what: why, hold: id, expectedUntilMs })),
    ...silent.map(({ id, name, why }) => plainNeed({ kind: "silent vault", what: `${name}: ${why}`, vault: id })),
  ];
}

function plainNeed(need: Pick<Need, "kind" | "what"> & Partial<Need>): Need {
  return { vault: null, point: null, hold: null, capturedMs: null, expectedUntilMs: null, ...need };
}

/** What is left out of account, to know what would be without it. */
export type LeftOut = {
  /** A hold's id. */
  readonly hold?: string;
  /** A vault's id: its points do not count. */
  readonly pointsOf?: string;
  /** A vault's id: that it is silent does not count. */
  readonly silenceOf?: string;
};

/**
 * Why a version may not be destroyed, in words; null when nothing needs it.
 *
 * @param without  for what would be, and no ground to destroy anything
 * @see refusalOf
 */
export function destructionRefusal(store: KeyStore, version: NeededVersion, without: LeftOut = {}): string | null {
  return refusalOf(loadFacts(store, version, without));
}

/** Loads all that decides whether a version may be destroyed. The clock is not among it. */
function loadFacts(store: KeyStore, version: NeededVersion, { hold, pointsOf = "", silenceOf }: LeftOut = {}) {
  const days = runningDays(store);
  return {
    points: pointFacts(store, version.id, { days, pointsOf }),
    liveVolumes: bindingsOfVersion(store, version.id)
      .filter(({ retiredMs }) => retiredMs === null)
      .map(volumeWords),
    retiredDaysLeft: retiredDaysLeft(store, version, days),
    untried: untriedHeaders(store, version, pointsOf),
    holds: holdsOf(store, version.id).filter(({ id }) => id !== hold),
    silentVaults: silentVaults(store).filter(({ id }) => id !== silenceOf),
  } satisfies NeedFacts;
}

/**
 * Points that need a version. `days_left`: of their quarantine; null while reports have them. Parameters: the version, the key
 * side's counted days, the length of a quarantine, a vault that is left out (empty: none).
 */
const needing = `
  SELECT points.vault, points.machine, points.point, points.name, points.captured_ms, points.expected_until_ms,
    CASE WHEN max(since IS NULL) THEN NULL ELSE max(since - counted + ?3) END AS days_left
  FROM (
    SELECT points.vault, points.machine, points.point,
      CASE WHEN vaults.retired_day IS NULL
        THEN min(
          ifnull(points.missing_day, point_volumes.missing_day),
          ifnull(point_volumes.missing_day, points.missing_day))
        ELSE vaults.retired_day END AS since,
      CASE WHEN vaults.retired_day IS NULL THEN machines.days ELSE ?2 END AS counted
    FROM bindings
    JOIN header_protectors ON header_protectors.volume_identity = bindings.volume_identity
      AND header_protectors.protector = bindings.protector
    JOIN point_volumes ON point_volumes.header = header_protectors.header
    JOIN points ON points.vault = point_volumes.vault AND points.machine = point_volumes.machine
      AND points.point = point_volumes.point
    JOIN machines ON machines.vault = points.vault AND machines.machine = points.machine
    JOIN vaults ON vaults.id = points.vault
    WHERE bindings.version = ?1 AND points.vault <> ?4
  )
  JOIN points USING (vault, machine, point)
  GROUP BY points.vault, points.machine, points.point`;

function pointFacts(
  { db }: KeyStore,
  version: VersionId,
  { days, pointsOf }: { readonly days: number; readonly pointsOf: string },
): NeedFacts["points"] {
  const row = prepared(
    db,
    `SELECT count(*) FILTER (WHERE days_left IS NULL) AS live, count(days_left) AS quarantined, max(days_left) AS days_left,
         count(*) FILTER (WHERE days_left IS NULL AND expected_until_ms IS NULL) AS endless,
         max(expected_until_ms) FILTER (WHERE days_left IS NULL) AS expected_until_ms
       FROM (${needing})`,
  ).get(version, days, QUARANTINE_DAYS, pointsOf);
  return {
    live: Number(row?.["live"]),
    quarantined: Number(row?.["quarantined"]),
    daysLeft: Number(row?.["days_left"] ?? 0),
    expectedUntilMs: row?.["endless"] === 0 ? numberOrNull(row["expected_until_ms"]) : null,
  };
}

function pointNeeds(store: KeyStore, version: VersionId): Need[] {
  return prepared(store.db, `${needing} ORDER BY coalesce(expected_until_ms, 1e18) DESC, captured_ms DESC LIMIT ?5`)
    .all(version, runningDays(store), QUARANTINE_DAYS, "", POINTS_LISTED)
    .map((row) => ({
      kind: row["days_left"] === null ? "point" : "quarantined point",
      vault: String(row["vault"]),
      what: String(row["name"]),
      point: String(row["point"]),
      hold: null,
      capturedMs: Number(row["captured_ms"]),
      expectedUntilMs: numberOrNull(row["expected_until_ms"]),
    }));
}

function volumeWords({ place, volumeFormat, volumeUuid, volumeIdentity }: Binding): string {
  if (place?.volume === "disk") return `${place.machine}'s disk ${place.disk}`; // all of it is one volume
  if (place !== null) return `the volume ${place.volume} of ${place.machine}'s disk ${place.disk}`;
  return `the ${volumeFormat} volume ${volumeUuid ?? volumeIdentity.slice(0, 12)}`;
}

function retiredDaysLeft({ db }: KeyStore, { id, retiredMs }: NeededVersion, days: number): number {
  if (retiredMs === null) return 0;
  const row = prepared(db, "SELECT day FROM retirements WHERE version = ?").get(id);
  return Math.max(0, Number(row?.["day"] ?? days) + RETIRED_DAYS - days);
}

/** Formats of volumes that a kind of value can open. */
const formats: Readonly<Record<ValueKind, readonly Binding["volumeFormat"][]>> = {
  passphrase: ["luks1", "luks2", "bitlocker"],
  "key-file": ["luks1", "luks2"],
  "recovery-password": ["bitlocker"],
  "startup-key": ["bitlocker"],
};

/** @param pointsOf  a vault that is left out; empty: none */
function untriedHeaders({ db }: KeyStore, { id, kind }: NeededVersion, pointsOf: string): number {
  const row = prepared(
    db,
    `SELECT count(*) AS untried FROM headers INDEXED BY headers_not_opened
       WHERE opened = 0 AND volume_format IN (SELECT value FROM json_each(?2)) AND EXISTS (
         SELECT 1 FROM header_protectors
         WHERE header_protectors.header = headers.id AND NOT EXISTS (
           SELECT 1 FROM tries WHERE tries.version = ?1 AND tries.volume_identity = header_protectors.volume_identity
             AND tries.protector = header_protectors.protector))
         AND (?3 = '' OR EXISTS (
           SELECT 1 FROM point_volumes WHERE point_volumes.header = headers.id AND point_volumes.vault <> ?3))`,
  ).get(id, JSON.stringify(formats[kind]), pointsOf);
  return Number(row?.["untried"]);
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
