import { openDisk } from "#disk/open.ts";
import { isLockstepError, LockstepError } from "#errors/errors.ts";
import { findVolume } from "#ops/volumes/find-volume.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { readContent } from "#volume/content.ts";
import type { PlainContent } from "#volume/content.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import { protectorId } from "#volume/header/protector-name.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import { inspect } from "#volume/inspect.ts";
import type { MappedVolume } from "#volume/inspect.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";
import type { PlainVolume } from "#volume/plaintext/plain-volume.ts";
import type { VolumeSource } from "#volume/source/source.ts";
import { stretchedSource } from "#volume/source/stretched-source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** Which volume to open, and with what. */
export type OpenVolumeRequest = {
  readonly path: string;
  /** Null: the only encrypted one. */
  readonly volume: string | null;
  /** A header that is kept apart, by its file; null: the volume's own. */
  readonly headerPath: string | null;
  readonly secret: VolumeSecret;
  /** Try this protector and no other, by any of its names; null: all that fit. */
  readonly only: string | null;
  readonly limit: CostLimit;
};

type RequestAndKdf = OpenVolumeRequest & { readonly kdf: KeyDeriver };

/** A volume that was opened. */
export type OpenedVolume = {
  readonly name: string;
  readonly facts: EncryptedVolume;
  /** What the secret opened; null for a volume key, and where nothing is encrypted. */
  readonly protector: Protector | null;
  /** The whole plaintext; null where it cannot be read although the key is right, and `unreadable` says why. */
  readonly plain: PlainVolume | null;
  readonly unreadable: LockstepError | null;
};

/** A header, and what is to be said of it: of one that is kept apart not that its volume's size is impossible. */
type HeaderAndFacts = { readonly header: EncryptedHeader; readonly facts: EncryptedVolume; readonly isApart: boolean };

/**
 * Opens an encrypted volume of a disk and hands its plaintext to `use`. Writes nothing.
 *
 * @throws {LockstepError} what `openDisk`, `findVolume` and `unlockWithin` throw, and what `use` throws
 */
export async function withVolume<Result>(
  request: RequestAndKdf,
  use: (opened: OpenedVolume) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  await using disk = await openDisk(request.path, {}, signal);
  const inspection = await inspect(volumeSource(disk), signal);
  if (request.headerPath === null) {
    const found = findVolume(inspection, request.path, request.volume);
    const { header, source } = found;
    return await opened(
      found.volume.name,
      { header, facts: header.facts, isApart: false },
      source,
      request,
      use,
      signal,
    );
  }
  await using headerDisk = await openDisk(request.headerPath, {}, signal);
  const header = await readVolumeHeader(volumeSource(headerDisk), request.headerPath, signal);
  const source = dataSource(volumeSource(disk), inspection.map.volumes, request);
  const { facts } = header;
  const said = facts.warnings.filter(({ code }) => code !== "SIZE_IMPOSSIBLE");
  const apart = { facts: { ...facts, warnings: said }, header, isApart: true };
  return await opened(request.volume ?? "disk", apart, source, request, use, signal);
}

/** The data that belong to a header that is kept apart: a volume that is named, else all of the disk. */
function dataSource(
  disk: VolumeSource,
  volumes: readonly MappedVolume[],
  { path, volume: name }: OpenVolumeRequest,
): VolumeSource {
  if (name === null || name === "disk") return disk;
  const stretches = volumes.find((each) => each.name === name)?.stretches ?? [];
  if (stretches.length === 0) throw new LockstepError("VOLUME_MISSING", `${path} has no volume ${name}`);
  return stretchedSource(disk, stretches);
}

async function opened<Result>(
  name: string,
  { header, facts, isApart }: HeaderAndFacts,
  data: VolumeSource,
  { secret, only, kdf, limit }: RequestAndKdf,
  use: (opened: OpenedVolume) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const id = only === null ? null : protectorId(only, facts.protectors);
  using unlocked = await unlockWithin(header, secret, { kdf, limit, only: id }, signal).catch((error: unknown) => {
    throw withHint(error, secret, facts);
  });
  const { protector } = unlocked;
  let plain: PlainVolume;
  try {
    const mapping = header.mapping(data.sizeBytes);
    if (!isApart) refuseDataInHeader(mapping, facts);
    plain = openPlainVolume(data, mapping, unlocked.volumeKeys);
  } catch (error) {
    if (!isLockstepError(error, "VOLUME_UNSUPPORTED", "HEADER_CORRUPT")) throw error;
    return await use({ name, facts, protector, plain: null, unreadable: error });
  }
  using readable = plain;
  return await use({ name, facts, protector, plain: readable, unreadable: null });
}

/** A LUKS header whose data begin at byte 0, where the header itself is, was made for another device. */
function refuseDataInHeader({ stretches }: Mapping, { format }: EncryptedVolume): void {
  const isInHeader = stretches.some(({ content }) => "sourceOffsetBytes" in content && content.sourceOffsetBytes === 0);
  if (format === "bitlocker" || !isInHeader) return;
  throw new LockstepError("VOLUME_UNSUPPORTED", "this is a header without its data, which are on another device", {
    hint: "Name that device or image, and this one with --header.",
  });
}

/** What people get wrong most, where a secret opens nothing. */
function withHint(error: unknown, { kind }: VolumeSecret, { format }: EncryptedVolume): unknown {
  if (!isLockstepError(error, "SECRET_REJECTED") || error.hint !== undefined) return error;
  let hint = "`lockstep disk inspect` lists the protectors, and what each takes.";
  if (kind === "none") {
    hint = "Name the file of a secret: --passphrase-file, --key-file, --recovery-password-file or --startup-key.";
  } else if (format !== "bitlocker" && (kind === "passphrase" || kind === "key-file")) {
    hint =
      "--passphrase-file takes the first line of a file without its end, --key-file all bytes of it, as cryptsetup does.";
  }
  return new LockstepError("SECRET_REJECTED", error.message, { hint, cause: error });
}

/** What is in a volume that was opened; null where its plaintext cannot be read. */
export async function contentOf({ plain }: OpenedVolume, signal: AbortSignal): Promise<PlainContent | null> {
  return plain === null ? null : readContent(plain, signal);
}
