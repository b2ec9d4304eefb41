import { sha256Text } from "#crypto/derive.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { ReportedPoint, ReportedVolume, StoredPoint } from "#keys/needs/report-plan.ts";
import { prepared } from "#keys/store/prepared.ts";

/** A machine of a vault, by their ids. */
export type MachineRef = { readonly vault: string; readonly machine: string };

type PointRow = [
  point: string,
  name: string,
  capturedMs: number,
  expectedUntilMs: number | null,
  nearerUntilMs: number | null,
  nearerDay: number | null,
  missingDay: number | null,
  volumesDigest: string,
];

/** A machine's points that need their versions, by their ids. */
export function loadPoints({ db }: KeyStore, { vault, machine }: MachineRef): ReadonlyMap<string, StoredPoint> {
  const load = prepared(
    db,
    `SELECT point, name, captured_ms, expected_until_ms, nearer_until_ms, nearer_day, missing_day, volumes_digest
     FROM points WHERE vault = ? AND machine = ?`,
  );
  load.setReturnArrays(true); // a machine may have a hundred thousand
  const rows = load.all(vault, machine) as unknown as PointRow[];
  return new Map(rows.map((row) => [row[0], storedPointOf(row)]));
}

function storedPointOf([
  point,
  name,
  capturedMs,
  untilMs,
  nearerMs,
  since,
  missingDay,
  volumesDigest,
]: PointRow): StoredPoint {
  const nearer = nearerMs === null || since === null ? null : { untilMs: nearerMs, since };
  return { point, name, capturedMs, forecast: { untilMs, nearer }, missingDay, volumesDigest };
}

/** Stores points, new and changed ones. To be called inside a transaction; the machine is stored. */
export function savePoints({ db }: KeyStore, { vault, machine }: MachineRef, points: readonly StoredPoint[]): void {
  const save = prepared(
    db,
    `INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (vault, machine, point) DO UPDATE SET name = excluded.name, captured_ms = excluded.captured_ms,
       expected_until_ms = excluded.expected_until_ms, nearer_until_ms = excluded.nearer_until_ms,
       nearer_day = excluded.nearer_day, missing_day = excluded.missing_day, volumes_digest = excluded.volumes_digest`,
  );
  for (const { point, name, capturedMs, forecast, missingDay, volumesDigest } of points) {
    const { untilMs, nearer } = forecast;
    const forecasts = [untilMs, nearer?.untilMs ?? null, nearer?.since ?? null];
    save.run(vault, machine, point, name, capturedMs, ...forecasts, missingDay, volumesDigest);
  }
}

/** Forgets points, and headers that no other point has. To be called inside a transaction. */
export function deletePoints({ db }: KeyStore, { vault, machine }: MachineRef, points: readonly string[]): void {
  const remove = prepared(db, "DELETE FROM points WHERE vault = ? AND machine = ? AND point = ?");
  for (const point of points) remove.run(vault, machine, point);
}

/**
 * Stores the volumes of a point as they were reported. Those that were stored before and are not among them stay, missing since
 * `today`. To be called inside a transaction; the point is stored.
 */
export function saveVolumes(
  store: KeyStore,
  { vault, machine }: MachineRef,
  points: readonly ReportedPoint[],
  today: number,
): void {
  const load = prepared(
    store.db,
    "SELECT disk, volume, header FROM point_volumes WHERE vault = ? AND machine = ? AND point = ? AND missing_day IS NULL",
  );
  const miss = prepared(
    store.db,
    `UPDATE point_volumes SET missing_day = ?
     WHERE vault = ? AND machine = ? AND point = ? AND disk = ? AND volume = ? AND header = ?`,
  );
  const save = prepared(
    store.db,
    `INSERT INTO point_volumes VALUES (?, ?, ?, ?, ?, ?, NULL)
     ON CONFLICT (vault, machine, point, disk, volume, header) DO UPDATE SET missing_day = NULL`,
  );
  const headerOf = headerNumbers(store);
  for (const { point, volumes } of points) {
    const reported = volumes.map(({ disk, volume, ...header }) => [disk, volume, headerOf(header)] as const);
    const names = new Set(reported.map((row) => JSON.stringify(row)));
    for (const { disk, volume, header } of load.all(vault, machine, point)) {
      const row = [String(disk), String(volume), Number(header)] as const;
      if (!names.has(JSON.stringify(row))) miss.run(today, vault, machine, point, ...row);
    }
    for (const row of reported) save.run(vault, machine, point, ...row);
  }
}

/** Forgets volumes of points that have been missing since a day or longer. To be called inside a transaction. */
export function deleteVolumes({ db }: KeyStore, { vault, machine }: MachineRef, missingSince: number): void {
  prepared(db, "DELETE FROM point_volumes WHERE vault = ? AND machine = ? AND missing_day <= ?").run(
    vault,
    machine,
    missingSince,
  );
}

/** Finds the number that stands for a header, and stores one that is new. */
function headerNumbers({ db }: KeyStore): (header: Omit<ReportedVolume, "disk" | "volume">) => number {
  const find = prepared(db, "SELECT id FROM headers WHERE content = ?");
  const insert = prepared(db, "INSERT INTO headers VALUES (NULL, ?, ?, ?, ?, 0) RETURNING id");
  const addProtector = prepared(db, "INSERT INTO header_protectors VALUES (?, ?, ?)");
  return ({ volumeIdentity, headerDigest, format, protectors: all }) => {
    const protectors = [...new Set(all)].sort();
    const content = sha256Text(JSON.stringify([volumeIdentity, headerDigest, format, protectors]));
    const found = find.get(content);
    if (found !== undefined) return Number(found["id"]);
    const header = Number(insert.get(content, volumeIdentity, headerDigest, format)?.["id"]);
    for (const protector of protectors) addProtector.run(volumeIdentity, protector, header);
    return header;
  };
}
