import type { PresentedHeader } from "#api/values.ts";
import { openDisk } from "#disk/open.ts";
import { LockstepError } from "#errors/errors.ts";
import { presentHeader } from "#ops/volumes/present-header.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import { inspect } from "#volume/inspect.ts";
import type { MappedVolume } from "#volume/inspect.ts";
import type { Place } from "#volume/source/source.ts";

/** The header of a live volume, as it was read. */
export type LiveHeader = {
  /** The volume's name in its disk's map. */
  readonly volume: string;
  /** Where the volume lies on the disk; null: not in one piece. */
  readonly place: Place | null;
  /** Whether it is all of the disk. */
  readonly isWholeDisk: boolean;
  readonly facts: EncryptedVolume;
  /** The header's bytes, as the key side takes them. */
  readonly presented: PresentedHeader;
};

/**
 * Reads the header of the encrypted volume with a given identity from a disk as it is now. Does not look for others that use the disk.
 *
 * @param name  the volume's name in the disk's map; null: whichever has that identity
 * @throws {LockstepError} HEADER_MISMATCH: no volume of the disk has it; ARGUMENT_INVALID: several have, and none was named; and what
 *   `openDisk` and `inspect` throw
 */
export async function readLiveHeader(
  path: string,
  volumeIdentity: string,
  name: string | null,
  signal: AbortSignal,
): Promise<LiveHeader> {
  await using disk = await openDisk(path, {}, signal);
  const { map, headers } = await inspect(volumeSource(disk), signal);
  const volume = chooseVolume(map.volumes, { path, volumeIdentity, name });
  const found = headers.get(volume.name);
  if (found === undefined) throw new Error("an encrypted volume of the map has a header");
  const { stretches, encrypted } = volume;
  const [place = null, another] = stretches;
  return {
    volume: volume.name,
    place: another === undefined ? place : null,
    isWholeDisk: place?.offsetBytes === 0 && place.lengthBytes === map.sizeBytes,
    facts: encrypted,
    presented: await presentHeader(found, signal),
  };
}

type EncryptedMapped = MappedVolume & { readonly encrypted: EncryptedVolume };

function chooseVolume(
  volumes: readonly MappedVolume[],
  {
    path,
    volumeIdentity,
    name,
  }: { readonly path: string; readonly volumeIdentity: string; readonly name: string | null },
): EncryptedMapped {
  const encrypted = volumes.filter((volume): volume is EncryptedMapped => volume.encrypted !== null);
  const named = encrypted.filter((volume) => name === null || volume.name === name);
  const [volume, another] = named.filter((each) => each.encrypted.identity === volumeIdentity);
  if (volume === undefined) {
    const others = encrypted.map((each) => each.name).join(", ");
    const found = others === "" ? "it has no encrypted volume" : `its encrypted volumes (${others}) are others`;
    throw new LockstepError(
      "HEADER_MISMATCH",
      `${path} has no volume ${name === null ? "" : `${name} `}that the key is bound to: ${found}`,
      {
        hint: "Name the right disk; after a re-encryption, bind the volume anew: `lockstep key bind`.",
      },
    );
  }
  if (another === undefined) return volume;
  throw new LockstepError("ARGUMENT_INVALID", `${path} has the volume twice, and nothing says which is meant`, {
    hint: `Give --volume with one of ${named.map((each) => each.name).join(", ")}.`,
  });
}
