import { LockstepError } from "#errors/errors.ts";
import { createOutputFile } from "#ops/volumes/output-file.ts";
import { storedHeader, storedMap } from "#ops/volumes/stored-volumes.ts";
import type { BodyVolumes } from "#vault/point-body.ts";

/**
 * Writes a header that was stored with a point to a new file, each piece where it lies in its volume and holes between
 * them: a volume's header as `--header` takes it, and `volume header-restore`.
 *
 * @param volume  null: the only encrypted one
 * @returns       the volume's name, and the bytes of its header
 * @throws {LockstepError} VOLUME_MISSING; ARGUMENT_INVALID: there are several, and none was named; and what creating a
 *   target throws
 */
export async function exportHeader(
  volumes: BodyVolumes | undefined,
  volume: string | null,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly volume: string; readonly headerBytes: number }> {
  const names = volumes?.headers.map((header) => header.volume) ?? [];
  const [only, another] = names;
  if (volume === null && another !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "the disk has several encrypted volumes, and nothing says which", {
      hint: `Give --volume with one of ${names.join(", ")}.`,
    });
  }
  const name = volume ?? only;
  const pieces = volumes === undefined || name === undefined ? null : storedHeader(volumes, name);
  if (name === undefined || pieces === null) {
    const stored = names.length === 0 ? "none" : `those of ${names.join(", ")}`;
    throw new LockstepError("VOLUME_MISSING", `no such header was stored with the point; it has ${stored}`, {
      hint: "`lockstep point show` says what volumes its disks had.",
    });
  }
  const ends = pieces.map(({ offsetBytes, bytes }) => offsetBytes + bytes.length);
  const endBytes = Math.max(0, payloadOffset(volumes, name), ...ends);
  await using target = await createOutputFile(path, endBytes, {}, signal);
  for (const { offsetBytes, bytes } of pieces) await target.write(offsetBytes, bytes, signal);
  await target.finish(signal);
  return { volume: name, headerBytes: pieces.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

/** Where the data begins: a header's areas may reach that far though few of them are in use, and a reader looks for room. */
function payloadOffset(volumes: BodyVolumes | undefined, name: string): number {
  const volume = storedMap(volumes)?.volumes.find((each) => each.name === name);
  return volume?.encrypted?.payload?.offsetBytes ?? 0;
}
