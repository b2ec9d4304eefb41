import type { PointDisk, VolumeIdentities } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";

/** An encrypted volume of a point's disk. */
export type EncryptedOfPoint = { readonly disk: PointDisk; readonly volume: VolumeIdentities };

/** The encrypted volumes of a point's disks, as far as the log says. */
export function encryptedVolumes({ disks, volumes }: PointState): readonly EncryptedOfPoint[] {
  return disks.flatMap((disk) => {
    const found = volumes?.find((each) => each.disk === disk.disk)?.encrypted ?? [];
    return found.map((volume) => ({ disk, volume }));
  });
}
