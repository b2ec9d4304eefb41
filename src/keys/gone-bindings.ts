import { bindingOf } from "#keys/bindings.ts";
import type { Binding, VolumePlace } from "#keys/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { EncryptedVolume, Protector } from "#volume/volume.ts";

/** A volume's header as far as bindings go. */
export type HeaderOfVolume = Pick<EncryptedVolume, "identity"> & {
  readonly protectors: readonly Pick<Protector, "fingerprint">[];
};

/**
 * Bindings that are not retired although a live header shows that they should be: the volume has their protector no more, or there is
 * another volume in its place now.
 *
 * @param facts  what the live header says
 * @param place  where it was read; null where nobody says
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
