import { act } from "#keys/access/act.ts";
import { bindingOf, bindingsOfVersion } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller, VersionId } from "#keys/store/model.ts";
import { findVersion, loadVersion, versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** Points of a volume that are listed at most. */
const POINTS_LISTED = 1000;

/** A volume that a version opens or opened, and everything else that has its volume key. */
export type SharedVolume = Pick<Binding, "volumeIdentity" | "volumeFormat" | "volumeUuid"> & {
  /** Its live protectors that a version is bound to, whichever. */
  readonly live: readonly { readonly binding: Binding; readonly version: string }[];
  readonly pointCount: number;
  /** The newest first, 1,000 at most. */
  readonly points: readonly SharedPoint[];
};

export type SharedPoint = {
  readonly vault: string;
  readonly point: string;
  readonly name: string;
  readonly capturedMs: number;
};

/**
 * Notes that others may know a version's value. It stays usable, for what needs it; the day is that of the first such word.
 *
 * @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS
 */
export function compromiseVersion(store: KeyStore, caller: Caller, name: string, why: string): Version {
  const detail: Record<string, string> = { why };
  return act(store, caller, { act: "key.compromise", subject: name, detail }, () => {
    const { id, ...version } = findVersion(store, name);
    detail["version"] = versionName(version);
    store.db
      .prepare("UPDATE versions SET compromised_ms = coalesce(compromised_ms, ?), compromised_why = ? WHERE id = ?")
      .run(store.deps.now().epochMilliseconds, why, id);
    return loadVersion(store, id);
  });
}

/**
 * What shares a volume key with the volumes that a version opens, or opened: whoever had the version could have taken that key.
 *
 * It goes by the volume identity. A volume whose layout was changed has another one, and perhaps the same key.
 */
export function sharedVolumes(store: KeyStore, version: VersionId): readonly SharedVolume[] {
  const byIdentity = new Map(bindingsOfVersion(store, version).map((binding) => [binding.volumeIdentity, binding]));
  return [...byIdentity.values()].map(({ volumeIdentity, volumeFormat, volumeUuid }) => ({
    volumeIdentity,
    volumeFormat,
    volumeUuid,
    live: liveBindings(store, volumeIdentity),
    ...pointsOf(store, volumeIdentity),
  }));
}

function liveBindings(store: KeyStore, volumeIdentity: string): SharedVolume["live"] {
  return store.db
    .prepare("SELECT * FROM bindings WHERE volume_identity = ? AND retired_ms IS NULL ORDER BY bound_ms, id")
    .all(volumeIdentity)
    .map(bindingOf)
    .map((binding) => ({ binding, version: versionName(loadVersion(store, binding.version)) }));
}

function pointsOf({ db }: KeyStore, volumeIdentity: string): Pick<SharedVolume, "pointCount" | "points"> {
  const rows = db
    .prepare(
      `SELECT vault, point, name, captured_ms, count(*) OVER () AS total
       FROM (SELECT DISTINCT vault, machine, point FROM point_volumes
         WHERE header IN (SELECT header FROM header_protectors WHERE volume_identity = ?))
       JOIN points USING (vault, machine, point)
       ORDER BY captured_ms DESC, name LIMIT ?`,
    )
    .all(volumeIdentity, POINTS_LISTED);
  return {
    pointCount: Number(rows[0]?.["total"] ?? 0),
    points: rows.map((row) => ({
      vault: String(row["vault"]),
      point: String(row["point"]),
      name: String(row["name"]),
      capturedMs: Number(row["captured_ms"]),
    })),
  };
}
