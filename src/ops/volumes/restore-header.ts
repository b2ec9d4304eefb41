import type { DiskTarget } from "#disk/contract.ts";
import { openExistingTarget } from "#disk/existing-target.ts";
import { openDisk } from "#disk/open.ts";
import { LockstepError } from "#errors/errors.ts";
import { createOutputFile } from "#ops/volumes/output-file.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { readContent } from "#volume/content.ts";
import type { PlainContent } from "#volume/content.ts";
import type { Recognised } from "#volume/filesystem/recognised.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { inspect } from "#volume/inspect.ts";
import type { MappedVolume, VolumeMap } from "#volume/inspect.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { partOf } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** Which header to put back, and where. */
export type RestoreHeaderRequest = {
  /**
   * The disk, and the volume on it; null: the whole disk, or its only volume that is encrypted or damaged. `disk` is the whole
   * disk also where a partition table is, which may have been written over the header.
   */
  readonly path: string;
  readonly volume: string | null;
  /** A file with the header, as `exportHeader` writes it. */
  readonly headerPath: string;
  /** A new file for what is overwritten. */
  readonly keepPath: string;
  /** Shows that the header belongs there, where the one on the disk cannot; kind "none" without a secret. */
  readonly secret: VolumeSecret;
  readonly kdf: KeyDeriver;
  readonly limit: CostLimit;
};

export type RestoredHeader = {
  readonly volume: string;
  readonly writtenBytes: number;
  /** What showed that it belongs there. */
  readonly shownBy: "the header on the disk" | "the secret";
};

const NOT_WRITTEN = "It can be used without writing it to the disk: `lockstep volume decrypt --header`.";
const WHOLE_DISK = "If the header is of the whole disk, over which a partition table was written: --volume disk.";

/** The volume that the header is put back to. */
type Target = Pick<MappedVolume, "name" | "stretches" | "encrypted" | "content">;

/**
 * Puts a volume's header back. It is written only where it is shown to belong: the header on the disk is still readable and
 * decrypts the same sectors in the same way, or with this header a secret opens the volume and what is inside is recognised.
 * What is overwritten is kept in a file first, durably.
 *
 * @throws {LockstepError} HEADER_MISMATCH; VOLUME_MISSING; SECRET_REJECTED; and what opening targets and reading headers
 *   throws. TARGET_UNWRITABLE after the first write: the kept file has what was there
 */
export async function restoreHeader(request: RestoreHeaderRequest, signal: AbortSignal): Promise<RestoredHeader> {
  const { path, headerPath, keepPath } = request;
  await using headerDisk = await openDisk(headerPath, { assumeRaw: true }, signal);
  const headerSource = volumeSource(headerDisk);
  const header = await readVolumeHeader(headerSource, headerPath, signal);
  await using target = await openExistingTarget(path, 0, {}, signal);
  const disk = targetSource(target);
  const { map } = await inspect(disk, signal);
  const volume = chooseVolume(map, request);
  const place = onlyPlace(volume, path);
  const shownBy = await shownToBelong(request, header, headerSource, volume, partOf(disk, place), signal);

  const ranges = header.facts.headerRanges;
  const end = Math.max(0, ...ranges.map(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes));
  if (end > place.lengthBytes) {
    throw new LockstepError(
      "HEADER_MISMATCH",
      `the header takes ${end} bytes, and volume ${volume.name} of ${path} has ${place.lengthBytes}`,
    );
  }
  await keep(target, place, ranges, keepPath, signal);
  let writtenBytes = 0;
  for (const { offsetBytes, lengthBytes } of ranges) {
    const bytes = await headerSource.read(offsetBytes, lengthBytes, signal);
    await target.write(place.offsetBytes + offsetBytes, bytes, signal);
    writtenBytes += lengthBytes;
  }
  await target.finish(signal);
  const now = await readVolumeHeader(partOf(disk, place), path, signal);
  if (now.facts.headerDigest !== header.facts.headerDigest) {
    throw new LockstepError("TARGET_UNWRITABLE", `${path} does not give back the header that was written to it`, {
      hint: `What was there before is in ${keepPath}.`,
    });
  }
  return { volume: volume.name, writtenBytes, shownBy };
}

function targetSource(target: DiskTarget): VolumeSource {
  return {
    sizeBytes: target.sizeBytes,
    sectorBytes: null,
    read: async (offsetBytes, lengthBytes, signal) => {
      const bytes = new Uint8Array(lengthBytes);
      await target.read(offsetBytes, bytes, signal);
      return bytes;
    },
  };
}

function chooseVolume({ sizeBytes, table, volumes }: VolumeMap, { path, volume: name }: RestoreHeaderRequest): Target {
  const [only, another] = volumes.filter((each) =>
    name === null ? each.encrypted !== null || each.failure !== null || volumes.length === 1 : each.name === name,
  );
  if (another !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", `${path} has several volumes, and nothing says which`, {
      hint: "Give --volume.",
    });
  }
  if (only !== undefined) return only;
  // Whatever the table leaves of a header there does not show that the data behind it are still the volume's.
  if (name === "disk") {
    return { name, stretches: [{ offsetBytes: 0, lengthBytes: sizeBytes }], encrypted: null, content: null };
  }
  const names = volumes.map((each) => each.name).join(", ");
  const what = name ?? "that is encrypted";
  throw new LockstepError(
    "VOLUME_MISSING",
    `${path} has no volume ${what}; it has ${names}`,
    table === null ? {} : { hint: WHOLE_DISK },
  );
}

function onlyPlace({ stretches, name }: Target, path: string): Place {
  const [place, another] = stretches;
  if (place !== undefined && another === undefined) return place;
  throw new LockstepError("VOLUME_UNSUPPORTED", `volume ${name} of ${path} is not in one piece`);
}

async function shownToBelong(
  { path, secret, kdf, limit }: RestoreHeaderRequest,
  header: EncryptedHeader,
  headerSource: VolumeSource,
  { name, encrypted, content }: Target,
  data: VolumeSource,
  signal: AbortSignal,
): Promise<RestoredHeader["shownBy"]> {
  const { facts } = header;
  if (encrypted !== null && encrypted.identity === facts.identity && encrypted.uuid === facts.uuid) {
    return "the header on the disk";
  }
  if (encrypted !== null) {
    throw new LockstepError(
      "HEADER_MISMATCH",
      `the header is of the volume with UUID ${facts.uuid ?? "none"}; volume ${name} of ${path} has another one, UUID ${encrypted.uuid ?? "none"}, or another volume key`,
    );
  }
  if (content !== null && isCertain(content)) {
    throw new LockstepError("HEADER_MISMATCH", `volume ${name} of ${path} is not encrypted: it holds ${content.type}`);
  }
  if (secret.kind === "none") {
    throw new LockstepError(
      "HEADER_MISMATCH",
      `volume ${name} of ${path} has no readable header, so nothing there says whether this one belongs to it`,
      { hint: "Give a secret that opens it, such as --passphrase-file: what is inside then shows that." },
    );
  }
  using unlocked = await unlockWithin(header, secret, { kdf, limit, only: null }, signal);
  using plain = openPlainVolume(
    overlaid(data, headerSource, facts.headerRanges),
    header.mapping(data.sizeBytes),
    unlocked.volumeKeys,
  );
  const inside = await readContent(plain, signal);
  if (isCertain(inside)) return "the secret";
  throw new LockstepError(
    "HEADER_MISMATCH",
    `with this header and the secret, nothing in volume ${name} of ${path} can be recognised, which would show that it belongs there`,
    { hint: name === "disk" ? NOT_WRITTEN : WHOLE_DISK },
  );
}

/** More than a mark, which ciphertext may have by chance. */
function isCertain(content: PlainContent): content is Recognised {
  return content.kind !== "unknown" && content.kind !== "empty" && content.verified !== "magic only";
}

/** The volume as it would be with the header put back. */
function overlaid(data: VolumeSource, header: VolumeSource, ranges: readonly Place[]): VolumeSource {
  return {
    sizeBytes: data.sizeBytes,
    sectorBytes: data.sectorBytes,
    read: async (offsetBytes, lengthBytes, signal) => {
      const bytes = await data.read(offsetBytes, lengthBytes, signal);
      for (const range of ranges) {
        const from = Math.max(offsetBytes, range.offsetBytes);
        const to = Math.min(offsetBytes + lengthBytes, range.offsetBytes + range.lengthBytes);
        if (from < to) bytes.set(await header.read(from, to - from, signal), from - offsetBytes);
      }
      return bytes;
    },
  };
}

/** Copies what will be overwritten to a new file, each piece where it lies in the volume. */
async function keep(
  target: DiskTarget,
  place: Place,
  ranges: readonly Place[],
  keepPath: string,
  signal: AbortSignal,
): Promise<void> {
  const end = Math.max(0, ...ranges.map(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes));
  await using kept = await createOutputFile(keepPath, end, {}, signal);
  for (const { offsetBytes, lengthBytes } of ranges) {
    const bytes = new Uint8Array(lengthBytes);
    await target.read(place.offsetBytes + offsetBytes, bytes, signal);
    await kept.write(offsetBytes, bytes, signal);
  }
  await kept.finish(signal);
}
