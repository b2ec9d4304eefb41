import type { App } from "#cli/app/app.ts";
import type { HeaderFlags, HeaderToPresent } from "#cli/headers/header-options.ts";
import { machinesToSearch } from "#cli/machines/machines-to-search.ts";
import { LockstepError } from "#errors/errors.ts";
import { findPoint } from "#ops/points/find-point.ts";
import { findPointDisk } from "#ops/points/stored-disk.ts";
import { presentPointHeader } from "#ops/volumes/present-header.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { readBody } from "#vault/point-body.ts";
import { protectorId } from "#volume/header/protector-name.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";

/**
 * Takes the header of a volume that a recovery point has, after a person compared its UUID and the protector with what the machine
 * itself shows: a vault may hold a header that somebody made to have secrets tried on it.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: not compared, or several disks or protectors; HEADER_MISMATCH: what was typed is another
 *   UUID; CANCELLED; and what opening the vault, `findPoint`, `readBody` and `presentPointHeader` throw
 */
export async function pointHeader(app: App, text: string, flags: HeaderFlags): Promise<HeaderToPresent> {
  const opened = await app.openVault();
  const { log, point, name } = findPoint(await machinesToSearch(opened, text, flags.expect), text);
  const disk = chosenDisk(point, flags.disk);
  const body = await readBody(opened.vault, log.machine, point, app.signal);
  const volumes = body.disks.find((each) => each.disk === disk.disk)?.volumes;
  const { header, volume } = presentPointHeader(volumes, flags.volume ?? null);
  const shown = `${name}, disk ${disk.name}, volume ${volume.name}`;
  if (volume.encrypted === null) throw new LockstepError("VOLUME_MISSING", `${shown}: it is not encrypted`);
  return {
    header,
    place: { machine: log.fold.machine.name, disk: disk.name, volume: volume.name },
    source: "point",
    ...(await compared(app, shown, volume.encrypted, flags)),
    machine: log.fold.machine.name,
    shown,
  };
}

function chosenDisk(point: PointState, name: string | undefined): PointDisk {
  if (name !== undefined) return findPointDisk(point, name);
  const [only, another] = point.disks;
  if (only !== undefined && another === undefined) return only;
  throw new LockstepError("ARGUMENT_INVALID", "the point has several disks, and nothing says which", {
    hint: `Give --disk with one of ${point.disks.map((each) => each.name).join(", ")}.`,
  });
}

/** What a person compared: by the command line, or asked now. */
async function compared(
  app: App,
  shown: string,
  volume: EncryptedVolume,
  { protector: named, uuid: typed, yes }: HeaderFlags,
): Promise<Pick<HeaderToPresent, "protector" | "volumeUuid">> {
  const { uuid, protectors } = volume;
  const protector = named === undefined ? undefined : protectorId(named, protectors);
  if (yes === true) {
    if (protector !== undefined && typed !== undefined) return { protector, volumeUuid: typed };
    throw new LockstepError("ARGUMENT_INVALID", "--yes with --point needs --uuid and --protector: what was compared");
  }
  const usable = protectors.filter(({ unusable }) => unusable === null);
  const [only, another] = usable;
  const chosen = protector ?? (another === undefined ? only?.id : undefined);
  const { label, where, expected } = whatToCompare(volume, chosen ?? null);
  app.output.print(
    `${shown}: ${volume.format}, UUID ${uuid ?? "none"}`,
    ...protectors.map(({ id, kind }) => `  ${kind} ${id}`),
    `This comes from the vault. Look at the machine itself: ${where}. A secret is only to be tried where both show the same.`,
  );
  if (chosen === undefined) {
    throw new LockstepError("ARGUMENT_INVALID", `${shown} has several protectors, and nothing says which`, {
      hint: `Give --protector with one of ${usable.map(({ id }) => id).join(", ")}.`,
    });
  }
  if (!app.host.stdinIsTerminal) {
    throw new LockstepError("ARGUMENT_INVALID", `${shown}: nobody can be asked what the machine shows`, {
      hint: "Compare, and then give --yes with --uuid and --protector.",
    });
  }
  const answer = (await app.askLine(`${label} that the machine shows, for ${chosen}: `)).replaceAll(/[{}]/g, "");
  if (expected !== null && answer.toLowerCase() === expected) return { protector: chosen, volumeUuid: uuid };
  throw new LockstepError("HEADER_MISMATCH", `${shown}: what was typed is not what it has; nothing was tried`, {
    hint: "If the machine shows another one, the point is not of this volume, or its header was changed.",
  });
}

/** What people can see on the machine itself: of LUKS the UUID, of BitLocker the protector's GUID, which is as unlikely to be another's. */
function whatToCompare(
  { format, uuid }: EncryptedVolume,
  protector: string | null,
): { readonly label: string; readonly where: string; readonly expected: string | null } {
  if (format === "bitlocker") {
    return { label: "The protector's ID", where: "`manage-bde -protectors -get C:`", expected: protector };
  }
  const expected = uuid === null || uuid === "" ? null : uuid.toLowerCase();
  return { label: "The UUID", where: "`cryptsetup luksDump DEVICE`", expected };
}
