import type { StatementBody } from "#api/proofs.ts";
import { readStatement } from "#ops/points/read-statement.ts";
import type { LoggedEntry, LoggedVerdict } from "#vault/entry/entry.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { MachineId, PointId, VaultId } from "#vault/object/ids.ts";

/** A verdict in a log that is not the key store's word. */
export type WrongStatement = { readonly seq: number; readonly point: PointId; readonly why: string };

/**
 * Finds out of a log's verdicts, as they are read, which ones the key store that the log knew at that time did not sign, or signed of
 * something else. Of points that are purged later their verdicts are looked at, too.
 *
 * @returns  `visit` takes each entry, with the fold after it; the rest is what was found so far
 */
export function statementCheck(
  vault: VaultId,
  machine: MachineId,
): { readonly visit: (logged: LoggedEntry, fold: Fold) => void; readonly wrong: readonly WrongStatement[] } {
  const wrong: WrongStatement[] = [];
  /** The entries of the statements, by their signatures. */
  const seen = new Map<string, number>();
  const visit = ({ entry }: LoggedEntry, fold: Fold): void => {
    if (entry.type !== "verdict") return;
    for (const item of entry.items) {
      const before = seen.get(item.signature);
      const again = before === undefined ? null : `it was logged before, in entry ${before}`;
      const why = faultOf(item, fold, { vault, machine }) ?? again;
      if (before === undefined) seen.set(item.signature, entry.seq);
      if (why !== null) wrong.push({ seq: entry.seq, point: item.point, why });
    }
  };
  return { visit, wrong };
}

function faultOf(
  item: LoggedVerdict,
  { points, keyStore }: Fold,
  of: { readonly vault: VaultId; readonly machine: MachineId },
): string | null {
  const point = points.get(item.point);
  const disk = point?.disks.find((each) => each.disk === item.disk);
  if (point === undefined || disk === undefined) return null; // it does not count
  const found = point.volumes?.find((each) => each.disk === item.disk)?.encrypted;
  const volume = found?.find(({ name }) => name === item.volume);
  if (volume === undefined) return "the point has no such volume";
  const { headerDigest } = volume;
  const about = { ...of, point: item.point, disk: disk.name, volume: item.volume, headerDigest };
  const body = readStatement(item, keyStore, about);
  if (typeof body === "string") return body;
  return saysTheSame(item, body) ? null : "the log says something else than the statement";
}

function saysTheSame(item: LoggedVerdict, body: StatementBody): boolean {
  return (["verdict", "version", "at", "derivedAt", "unproven"] as const).every((name) => item[name] === body[name]);
}
