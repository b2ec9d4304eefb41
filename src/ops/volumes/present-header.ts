import type { PresentedHeader } from "#api/values.ts";
import { base64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { storedHeader, storedMap } from "#ops/volumes/stored-volumes.ts";
import type { BodyVolumes } from "#vault/point-body.ts";
import type { FoundHeader, MappedVolume } from "#volume/inspect.ts";

/** Reads the header of a volume of a disk that is open, for the key side. @throws {LockstepError} DISK_UNREADABLE, CANCELLED */
export async function presentHeader({ header, source }: FoundHeader, signal: AbortSignal): Promise<PresentedHeader> {
  const ranges: PresentedHeader["ranges"] = [];
  for (const { offsetBytes, lengthBytes } of header.facts.headerRanges) {
    ranges.push([offsetBytes, base64(await source.read(offsetBytes, lengthBytes, signal))]);
  }
  return { sizeBytes: source.sizeBytes, sectorBytes: sectorBytesOf(source.sectorBytes), ranges };
}

function sectorBytesOf(sectorBytes: number | null): PresentedHeader["sectorBytes"] {
  return sectorBytes === 512 || sectorBytes === 4096 ? sectorBytes : null;
}

/** A header that was stored with a point, and what the point says of its volume. */
export type PointHeader = { readonly header: PresentedHeader; readonly volume: MappedVolume };

/**
 * Takes a header that was stored with a point, for the key side.
 *
 * @param name  the volume's; null: the only one with a header
 * @throws {LockstepError} VOLUME_MISSING: none was stored; ARGUMENT_INVALID: there are several, and none was named
 */
export function presentPointHeader(volumes: BodyVolumes | undefined, name: string | null): PointHeader {
  const names = volumes?.headers.map(({ volume }) => volume) ?? [];
  const [only, another] = names;
  if (name === null && another !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "the disk has several encrypted volumes, and nothing says which", {
      hint: `Give --volume with one of ${names.join(", ")}.`,
    });
  }
  const wanted = name ?? only;
  const volume = storedMap(volumes)?.volumes.find((each) => each.name === wanted);
  const pieces = volumes === undefined || wanted === undefined ? null : storedHeader(volumes, wanted);
  if (volume === undefined || pieces === null) {
    const stored = names.length === 0 ? "none" : `those of ${names.join(", ")}`;
    throw new LockstepError("VOLUME_MISSING", `no such header was stored with the point; it has ${stored}`, {
      hint: "`lockstep point show` says what volumes its disks had.",
    });
  }
  const ranges = pieces.map(({ offsetBytes, bytes }): [number, string] => [offsetBytes, base64(bytes)]);
  return { volume, header: { sizeBytes: volume.sizeBytes, sectorBytes: null, ranges } };
}
