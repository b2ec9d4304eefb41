import { base64, fromBase64 } from "#bytes/text.ts";
import type { DiskSource } from "#disk/contract.ts";
import { isLockstepError, messageOf } from "#errors/errors.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import type { BodyVolumes } from "#vault/point-body.ts";
import type { FoundHeader, VolumeMap } from "#volume/inspect.ts";
import type { Place } from "#volume/source/source.ts";

/**
 * More than this of a point's headers is not stored, so that its body is not too long to be read; 32 LUKS2 keyslots with two
 * headers take a quarter of it.
 */
export const HEADERS_LIMIT_BYTES = 32 * 1024 * 1024;
/** The longest map, as JSON; in UTF-16 units. */
const MAP_LIMIT_LENGTH = 4 * 1024 * 1024;
/** docs/format/vault.md, "Point bodies" */
const NAME_LIMIT_LENGTH = 512;
const COUNT_LIMIT = 1024;
const FAILURE_LIMIT_LENGTH = 4096;

/**
 * Looks at a disk that is being backed up: what its volumes are, and the header bytes that an unlock needs. They go into the
 * point's body, apart from the data, so that a header that is lost later is not lost with it. Decrypts nothing.
 *
 * What cannot be looked at is said in the result and stops no backup; nor does a bug in a reader, which the guest would
 * decide over by what it writes.
 *
 * @param limitBytes  the most that its headers may take
 * @throws {LockstepError} CANCELLED · DISK_IN_USE: it became shorter
 */
export async function readVolumes(disk: DiskSource, limitBytes: number, signal: AbortSignal): Promise<BodyVolumes> {
  try {
    const { inspect } = await import("#volume/inspect.ts"); // only backups need it, and it is large
    const { map, headers } = await inspect(volumeSource(disk), signal);
    const text = JSON.stringify(map);
    if (text.length > MAP_LIMIT_LENGTH) return nothing(`its ${map.volumes.length} volumes are too many to be stored`);
    const stored: BodyVolumes["headers"] = [];
    const failures: string[] = [];
    let left = limitBytes;
    for (const [volume, found] of headers) {
      const ranges = found.header.facts.headerRanges;
      const sizeBytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      if (sizeBytes > left || volume.length > NAME_LIMIT_LENGTH || stored.length === COUNT_LIMIT) {
        return { format: 1, map: plain(text), headers: stored, failure: tooLong(volume, sizeBytes) };
      }
      left -= sizeBytes;
      try {
        stored.push({ volume, ranges: await readRanges(found, ranges, signal) });
      } catch (error) {
        if (!isLockstepError(error, "DISK_UNREADABLE")) throw error;
        failures.push(`the header of volume ${volume} was not stored apart from the data: ${error.message}`);
      }
    }
    const failure = failures.length === 0 ? null : failures.join("; ").slice(0, FAILURE_LIMIT_LENGTH);
    return { format: 1, map: plain(text), headers: stored, failure };
  } catch (error) {
    if (signal.aborted || isLockstepError(error, "CANCELLED", "DISK_IN_USE")) throw error;
    if (isLockstepError(error)) return nothing(error.message);
    return nothing(`its volumes could not be looked at for a bug in Lockstep; please report it: ${messageOf(error)}`);
  }
}

function nothing(why: string): BodyVolumes {
  return { format: 1, map: null, headers: [], failure: why.slice(0, FAILURE_LIMIT_LENGTH) };
}

function tooLong(volume: string, sizeBytes: number): string {
  return `the header of volume ${volume.slice(0, 64)} takes ${sizeBytes} bytes, and was not stored apart from the data`;
}

async function readRanges(
  { source }: FoundHeader,
  ranges: readonly Place[],
  signal: AbortSignal,
): Promise<[number, string][]> {
  const read: [number, string][] = [];
  for (const { offsetBytes, lengthBytes } of ranges) {
    read.push([offsetBytes, base64(await source.read(offsetBytes, lengthBytes, signal))]);
  }
  return read;
}

/** Bytes of the headers that were stored. */
export function headerBytes({ headers }: BodyVolumes): number {
  return headers.reduce((sum, { ranges }) => sum + ranges.reduce((all, [, text]) => all + (text.length / 4) * 3, 0), 0);
}

/** A map as `JSON.parse` gives it. */
function plain(text: string): BodyVolumes["map"] {
  return JSON.parse(text) as BodyVolumes["map"];
}

/** The map that a body has; null where it has none, or one of a later format. */
export function storedMap(volumes: BodyVolumes | null | undefined): VolumeMap | null {
  return volumes?.format === 1 ? (volumes.map as VolumeMap | null) : null;
}

/** A stored header's pieces: where each lies in its volume, and its bytes. Null where the body has no such header. */
export function storedHeader(
  volumes: BodyVolumes,
  volume: string,
): readonly { readonly offsetBytes: number; readonly bytes: Uint8Array }[] | null {
  const found = volumes.headers.find((each) => each.volume === volume);
  return (
    found?.ranges.map(([offsetBytes, text]) => ({ offsetBytes, bytes: fromBase64(text) ?? new Uint8Array() })) ?? null
  );
}
