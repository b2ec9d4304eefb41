import { bindingOf } from "#keys/bindings/bindings.ts";
import type { Binding, VolumePlace } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { MachineRef } from "#keys/needs/point-rows.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

/** A volume's header as far as bindings go. */
export type HeaderOfVolume = Pick<EncryptedVolume, "identity"> & {
  readonly protectors: readonly Pick<Protector, "fingerprint">[];
};

/**
 * Bindings that are not retired although a live header shows that they should be: the volume has their protector no more, or there is
 * another volume in its place now.
 *
 * @param facts  what the live header says
 * @param place  where it was read; null: not said
 */
export function goneBindings(
  { db }: KeyStore,
  { identity, protectors }: HeaderOfVolume,
  place: VolumePlace | null,
): readonly Binding[] {
  const present = JSON.stringify(protectors.map(({ fingerprint }) => fingerprint));
  const { machine, disk, volume } = place ?? { machine: null, disk: null, volume: null };
  return db
    .prepare(
      `SELECT * FROM bindings WHERE retired_ms IS NULL AND (
         (volume_identity = ?1 AND protector NOT IN (SELECT value FROM json_each(?2)))
         OR (volume_identity <> ?1 AND machine = ?3 AND disk = ?4 AND volume = ?5))
       ORDER BY bound_ms`,
    )
    .all(identity, present, machine, disk, volume)
    .map(bindingOf);
}

/**
 * Bindings that count as live, although the newest point that is reported of their machine does not have them. Bindings that were made
 * after it was taken are not among them, nor are those that may be of another vault.
 */
export function goneFromNewestPoint(store: KeyStore, { vault, machine }: MachineRef): readonly Binding[] {
  const newest = store.db
    .prepare(
      `SELECT point, captured_ms, machines.name FROM points JOIN machines USING (vault, machine)
       WHERE vault = ? AND machine = ? AND missing_day IS NULL ORDER BY captured_ms DESC LIMIT 1`,
    )
    .get(vault, machine);
  if (newest === undefined) return [];
  const name = String(newest["name"]);
  const gone = store.db
    .prepare(
      `SELECT disk, volume, headers.id, volume_identity FROM point_volumes JOIN headers ON headers.id = header
       WHERE vault = ? AND machine = ? AND point = ? AND missing_day IS NULL`,
    )
    .all(vault, machine, String(newest["point"]))
    .flatMap((row) => {
      const place = { machine: name, disk: String(row["disk"]), volume: String(row["volume"]) };
      const protectors = store.db
        .prepare("SELECT protector AS fingerprint FROM header_protectors WHERE header = ?")
        .all(Number(row["id"]))
        .map(({ fingerprint }) => ({ fingerprint: String(fingerprint) }));
      return goneBindings(store, { identity: String(row["volume_identity"]), protectors }, place);
    });
  // A clone's volume has the same identity: bindings of another machine that reports are none of this one's, and whose it is cannot be said
  // where another vault has a machine of that name, or points of that volume.
  const isOthers = store.db.prepare("SELECT 1 FROM machines WHERE name = ?1 AND (vault <> ?2 OR name <> ?3)");
  const isElsewhere = store.db.prepare(
    "SELECT 1 FROM header_protectors JOIN point_volumes USING (header) WHERE volume_identity = ? AND vault <> ?",
  );
  const isIts = ({ place, boundMs, volumeIdentity }: Binding): boolean =>
    boundMs < Number(newest["captured_ms"]) &&
    (place === null || isOthers.get(place.machine, vault, name) === undefined) &&
    isElsewhere.get(volumeIdentity, vault) === undefined;
  return [...new Map(gone.filter(isIts).map((binding) => [binding.id, binding])).values()];
}
