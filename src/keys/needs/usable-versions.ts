import type { KeyStore } from "#keys/key-store.ts";
import type { MachineRef } from "#keys/needs/point-rows.ts";

/** A volume of a point that is in the machine's reports, and what opens it. */
export type OpenableVolume = {
  readonly point: string;
  readonly disk: string;
  readonly volume: string;
  /** Names of versions that are bound to its header and may be used now, the newest first: `web01/v2`. */
  readonly versions: readonly string[];
};

/** The encrypted volumes of a machine's points, and what opens them; by point, disk and volume. */
export function openableVolumes({ db, deps }: KeyStore, { vault, machine }: MachineRef): readonly OpenableVolume[] {
  const openers = db.prepare(
    `SELECT DISTINCT keys.name || '/v' || versions.number AS name, versions.created_ms, versions.number FROM openers
     JOIN versions ON versions.id = openers.version
     JOIN keys ON keys.id = versions.key
     WHERE openers.header = ? AND enabled = 1 AND deleted_ms IS NULL AND damaged_ms IS NULL AND coalesce(activates_ms <= ?, 1)
     ORDER BY versions.created_ms DESC, versions.number DESC`,
  );
  const nowMs = deps.now().epochMilliseconds;
  const known = new Map<number, readonly string[]>();
  const versionsOf = (header: number): readonly string[] => {
    const found = known.get(header) ?? openers.all(header, nowMs).map((row) => String(row["name"]));
    known.set(header, found);
    return found;
  };
  return db
    .prepare(
      `SELECT point, disk, volume, header FROM point_volumes JOIN points USING (vault, machine, point)
       WHERE vault = ? AND machine = ? AND points.missing_day IS NULL AND point_volumes.missing_day IS NULL
       ORDER BY point, disk, volume`,
    )
    .all(vault, machine)
    .map((row) => ({
      point: String(row["point"]),
      disk: String(row["disk"]),
      volume: String(row["volume"]),
      versions: versionsOf(Number(row["header"])),
    }));
}
