import { LockstepError } from "#errors/errors.ts";
import type { FoundHeader, Inspection, MappedVolume } from "#volume/inspect.ts";

/** An encrypted volume of a disk, and its header. */
export type EncryptedFound = FoundHeader & { readonly volume: MappedVolume };

/**
 * The encrypted volume of a name, or the only one. Volumes that could not be looked at count where none other is encrypted.
 *
 * @param shown  the disk's name, for messages
 * @throws {LockstepError} VOLUME_MISSING: there is none, or none of that name, or it is not encrypted · ARGUMENT_INVALID:
 *   there are several, and none was named · HEADER_CORRUPT, VOLUME_UNSUPPORTED, …: why it could not be looked at
 */
export function findVolume({ map, headers, failures }: Inspection, shown: string, name: string | null): EncryptedFound {
  const candidates = name === null ? unnamed(map.volumes) : map.volumes.filter((volume) => volume.name === name);
  const [volume, another] = candidates;
  const names = map.volumes.map((each) => each.name).join(", ");
  if (volume === undefined) {
    const what = name === null ? "has no encrypted volume" : `has no volume ${name}`;
    throw new LockstepError("VOLUME_MISSING", `${shown} ${what}; it has ${names === "" ? "none" : names}`, {
      hint: "`lockstep disk inspect` says what is on it.",
    });
  }
  if (another !== undefined) {
    const some = candidates.map((each) => each.name).join(", ");
    const what = volume.encrypted === null ? "volumes that could not be looked at" : "encrypted volumes";
    throw new LockstepError("ARGUMENT_INVALID", `${shown} has several ${what}, and nothing says which`, {
      hint: `Give --volume with one of ${some}.`,
    });
  }
  if (volume.failure !== null) {
    const cause = failures.get(volume.name);
    throw new LockstepError(volume.failure.code, `${shown}: ${volume.failure.message}`, { hint: cause?.hint, cause });
  }
  const found = headers.get(volume.name);
  if (found === undefined)
    throw new LockstepError("VOLUME_MISSING", `volume ${volume.name} of ${shown} is not encrypted`);
  return { volume, ...found };
}

function unnamed(volumes: readonly MappedVolume[]): readonly MappedVolume[] {
  const encrypted = volumes.filter((volume) => volume.encrypted !== null);
  return encrypted.length > 0 ? encrypted : volumes.filter(({ failure }) => failure !== null);
}
