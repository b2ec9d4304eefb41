import { forEachBounded } from "#ops/lanes/bounded.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import type { DiskVolumes, VolumeIdentities } from "#vault/entry/entry.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId, PointId } from "#vault/object/ids.ts";
import type { BodyVolumes, PointBody } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";
import type { MappedVolume } from "#volume/inspect.ts";

/** Bodies that are read at the same time. */
const BODIES_AT_ONCE = 8;
/** The most points in one entry. */
const ITEMS = 1024;
/** docs/format/log.md, "volumes" */
const NAME_LENGTH = 512;

type Item = { readonly point: PointId; readonly disks: readonly DiskVolumes[] };

/** What of a point's disks is encrypted, as its body says. */
function volumesInBody({ disks }: PointBody): readonly DiskVolumes[] {
  return disks.map(({ disk, volumes }) => volumesOfDisk(disk, volumes));
}

/** @param volumes  as a backup found it, or a body has it; undefined where nobody looked */
export function volumesOfDisk(disk: DiskId, volumes: BodyVolumes | undefined): DiskVolumes {
  const map = storedMap(volumes);
  if (map === null) return { disk, encrypted: null, unknown: [] };
  const encrypted = map.volumes.flatMap((volume) => identitiesOf(volume) ?? []);
  return { disk, encrypted, unknown: map.volumes.filter(mayBeEncrypted).map(({ name }) => loggableName(name)) };
}

function identitiesOf({ name, encrypted }: MappedVolume): VolumeIdentities | null {
  if (encrypted === null) return null;
  const { format, identity, headerDigest, protectors } = encrypted;
  return {
    name: loggableName(name),
    format,
    identity,
    headerDigest,
    protectors: protectors.map(({ fingerprint }) => fingerprint),
  };
}

/** It could not be looked at, or what is on it looks like ciphertext without a header. */
function mayBeEncrypted({ encrypted, content, failure }: MappedVolume): boolean {
  return encrypted === null && (failure !== null || (content?.kind === "unknown" && content.guess === "ciphertext"));
}

/** A volume's name as entries and the key side take it; those of maps are so, unless a guest wrote what no program would. */
export function loggableName(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, "?").slice(0, NAME_LENGTH);
}

/**
 * Logs what of a machine's points is encrypted, for all points of which the log does not say it: points that a program took which
 * did not log it, or that died before. Points whose bodies are lost are left out.
 *
 * @returns  of how many points
 * @throws {LockstepError} what the store and `Log.append` throw
 */
export async function logMissingVolumes(vault: Vault, log: Log, signal: AbortSignal): Promise<number> {
  const missing = [...log.fold.points.values()].filter(({ volumes }) => volumes === null);
  let logged = 0;
  for (let from = 0; from < missing.length; from += ITEMS) {
    const items: Item[] = [];
    await forEachBounded(missing.slice(from, from + ITEMS), BODIES_AT_ONCE, async (point) => {
      const body = await readBodyOrNull(vault, log, point, signal);
      if (body !== null) items.push({ point: point.point, disks: volumesInBody(body) });
    });
    logged += await logVolumes(log, items, signal);
  }
  return logged;
}

/** Logs what the log does not say yet. @returns of how many points @throws {LockstepError} what `Log.append` throws */
export async function logVolumes(log: Log, items: readonly Item[], signal: AbortSignal): Promise<number> {
  let fresh: readonly Item[] = [];
  await log.append((fold) => {
    fresh = items.filter(({ point }) => fold.points.get(point)?.volumes === null);
    return fresh.length === 0 ? null : { type: "volumes", compatible: true, items: fresh };
  }, signal);
  return fresh.length;
}
