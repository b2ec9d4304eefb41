import type { StatementBody } from "#api/proofs.ts";
import type { InputOf, ReplyOf } from "#api/routes.ts";
import { base64 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import { isLockstepError, messageOf } from "#errors/errors.ts";
import { loggableName } from "#ops/points/log-volumes.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { readStatement } from "#ops/points/read-statement.ts";
import { pointSource } from "#ops/restore/point-source.ts";
import { storedHeader, storedMap } from "#ops/volumes/stored-volumes.ts";
import type { LoggedVerdict, PointDisk } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId } from "#vault/object/ids.ts";
import type { BodyVolumes } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import type { MappedVolume } from "#volume/inspect.ts";
import { partOf } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";
import { stretchedSource } from "#volume/source/stretched-source.ts";

/** What came of proving one encrypted volume of a point. */
export type ProvedVolume = {
  readonly disk: PointDisk;
  readonly volume: string;
  /** What the key side stated; null where it stated nothing that counts, and `why` says why. */
  readonly stated: StatementBody | null;
  readonly why: string | null;
  /** The header that the key side was shown; null where it could not be read, or the point's data hold another than the point names. */
  readonly presented: PointHeaderId | null;
  /** The header that the point's data hold is not the one that was stored apart from them. */
  readonly headerDiffers: boolean;
  /** As the log takes it; null where nothing was stated. */
  readonly verdict: LoggedVerdict | null;
};

export type ProveDeps = { readonly vault: Vault; readonly log: Log; readonly client: KeyClient };

/** The most rounds of "show me these bytes"; the key side asks for fewer. */
const ROUNDS = 100;
/** The most that one round shows; the key side asks for less. */
const SHOWN_BYTES = 32 * 1024 * 1024;

/** A header of a machine's points: the same in each point that has it. */
export type PointHeaderId = { readonly disk: DiskId; readonly volume: string; readonly headerDigest: string };

/** How a proof of one volume fails that says nothing of the others. */
const ofOneVolume = ["KEY_STORE_CORRUPT", "RATE_LIMITED", "KDF_FAILED", "ARGUMENT_INVALID", "NAME_UNKNOWN"] as const;

/**
 * Has the key side show, for each encrypted volume of a point, that a key which it holds opens this very copy. Everything that it is
 * shown is read from the vault, and what it states counts only if the key store that the log knows signed it. Logs nothing: see
 * `logVerdicts`.
 *
 * What keeps one volume from being proved is said of it, and the others are proved.
 *
 * @param isAnew  whether to derive although an earlier proof of a header could be carried over
 * @throws {LockstepError} what `KeyClient.call` throws when the key side is out of reach, sealed, or refuses all; POINT_GONE; and what
 *   the store throws when it gives no answer
 */
export async function provePoint(
  deps: ProveDeps,
  point: PointState,
  isAnew: (header: PointHeaderId) => boolean,
  signal: AbortSignal,
): Promise<readonly ProvedVolume[]> {
  const body = await readBodyOrNull(deps.vault, deps.log, point, signal);
  const proved: ProvedVolume[] = [];
  for (const disk of point.disks) {
    const volumes = body?.disks.find((each) => each.disk === disk.disk)?.volumes;
    for (const volume of storedMap(volumes)?.volumes ?? []) {
      if (volume.encrypted === null || volumes === undefined) continue;
      const { encrypted } = volume;
      const { headerDigest } = encrypted;
      const anew = isAnew({ disk: disk.disk, volume: loggableName(volume.name), headerDigest });
      proved.push(await proveVolume(deps, { point, disk, volume, encrypted, stored: volumes, anew }, signal));
    }
  }
  return proved;
}

type Task = {
  readonly point: PointState;
  readonly disk: PointDisk;
  readonly volume: MappedVolume;
  readonly encrypted: EncryptedVolume;
  readonly stored: BodyVolumes;
  readonly anew: boolean;
};

type Header = InputOf<"proof.begin">["header"];

async function proveVolume(deps: ProveDeps, task: Task, signal: AbortSignal): Promise<ProvedVolume> {
  const { point, disk, volume, anew } = task;
  const name = loggableName(volume.name);
  const { headerDigest } = task.encrypted;
  const common = { disk, volume: name };
  const source = sourceOf(deps, task);
  if (source === null) return { ...common, ...nothing("where it lies on the disk is not known") };
  let header: Header;
  try {
    header = await readHeader(source, task.encrypted.headerRanges, signal);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { ...common, ...nothing(`its header cannot be read from the vault: ${messageOf(error)}`) };
  }
  const headerDiffers = differs(task, header);
  const presented = headerDiffers ? null : { disk: disk.disk, volume: name, headerDigest };
  const given = { vault: deps.vault.keyring.keys.vaultId, machine: deps.log.machine, point: point.point };
  const about = { ...given, disk: disk.name, volume: name };
  const statement = await askForStatement(deps, source, { ...about, header, anew }, signal);
  if (typeof statement === "string") return { ...common, ...nothing(statement), presented, headerDiffers };
  const stated = readStatement(statement, deps.log.fold.keyStore, { ...about, headerDigest });
  if (typeof stated === "string") return { ...common, ...nothing(stated), presented, headerDiffers };
  const { verdict, version, at, derivedAt, unproven } = stated;
  const logged = { point: point.point, disk: disk.disk, volume: name, verdict, version, at, derivedAt, unproven };
  return { ...common, stated, why: null, presented, headerDiffers, verdict: { ...logged, ...statement } };
}

/** Shows what is wanted until there is a statement. @returns why there is none, in words, where that is of this volume alone */
async function askForStatement(
  { client }: ProveDeps,
  source: VolumeSource,
  request: InputOf<"proof.begin">,
  signal: AbortSignal,
): Promise<NonNullable<ReplyOf<"proof.begin">["statement"]> | string> {
  try {
    let step: ReplyOf<"proof.begin"> = await client.call("proof.begin", request, signal);
    for (let round = 0; step.statement === null; round++) {
      const bytes = step.wants.reduce((sum, [, lengthBytes]) => sum + lengthBytes, 0);
      if (round === ROUNDS || bytes > SHOWN_BYTES) return "the key side asked for more than a proof takes";
      const pieces = await readPieces(source, step.wants, signal);
      step = await client.call("proof.show", { proof: step.proof, pieces }, signal);
    }
    return step.statement;
  } catch (error) {
    if (!isLockstepError(error, ...ofOneVolume)) throw error;
    return `${error.message} [${error.code}]`;
  }
}

function nothing(why: string): Omit<ProvedVolume, "disk" | "volume"> {
  return { stated: null, why, presented: null, headerDiffers: false, verdict: null };
}

/** The volume's place, read from the vault; null where the place is unknown. */
function sourceOf(deps: ProveDeps, { point, disk, volume }: Task): VolumeSource | null {
  const [only, another] = volume.stretches;
  if (only === undefined) return null;
  const whole = pointSource(deps, point, disk, null);
  return another === undefined ? partOf(whole, only) : stretchedSource(whole, volume.stretches);
}

async function readHeader(source: VolumeSource, ranges: readonly Place[], signal: AbortSignal): Promise<Header> {
  const read: Header["ranges"] = [];
  for (const { offsetBytes, lengthBytes } of ranges) {
    read.push([offsetBytes, base64(await source.read(offsetBytes, lengthBytes, signal))]);
  }
  return { sizeBytes: source.sizeBytes, sectorBytes: null, ranges: read };
}

/** Whether a header that was stored apart is another than the data hold. */
function differs({ stored, volume }: Task, { ranges }: Header): boolean {
  const apart = storedHeader(stored, volume.name);
  if (apart === null) return false;
  const texts = apart.map(({ bytes }) => base64(bytes));
  return texts.length !== ranges.length || ranges.some(([, text], index) => text !== texts[index]);
}

async function readPieces(
  source: VolumeSource,
  wants: readonly (readonly [offsetBytes: number, lengthBytes: number])[],
  signal: AbortSignal,
): Promise<(string | null)[]> {
  const pieces: (string | null)[] = [];
  for (const [offsetBytes, lengthBytes] of wants) {
    try {
      pieces.push(base64(await source.read(offsetBytes, lengthBytes, signal)));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      pieces.push(null);
    }
  }
  return pieces;
}

/** It is damaged, or the map says that it lies where the disk ends. */
function isUnreadable(error: unknown): boolean {
  return isLockstepError(error, "BLOCK_DAMAGED", "ARGUMENT_INVALID");
}
