import { statementOf } from "#ops/points/read-statement.ts";
import type { KnownKeyStore } from "#vault/entry/entry.ts";
import { readLog } from "#vault/log/log-reader.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";

/** A key version that a point's statement names. */
export type StatedVersion = {
  /** `web01/v3` */
  readonly version: string;
  /** The key store's epoch when it was stated. */
  readonly epoch: number;
  readonly machineName: string;
};

/**
 * Finds the key versions that a key store's statements on a machine's points name, and that are not among those that it is known to
 * have: it had them once. Points that are purged do not count, nor what was stated before `sinceEpoch`: a recovery knew of that loss.
 *
 * The log is read from its first entry on where a point shows such a version, and else not at all.
 *
 * @param keyStore  whose statements count, as far as it signed them
 * @param held      names of versions, also of those that were destroyed
 * @returns         each once, in the order of the log
 * @throws {LockstepError} what `readLog` throws
 */
export async function statedAndNotHeld(
  { log, source }: { readonly log: Log; readonly source: LogSource },
  keyStore: Pick<KnownKeyStore, "store" | "signingKey">,
  { held, sinceEpoch }: { readonly held: ReadonlySet<string>; readonly sinceEpoch: number },
  signal: AbortSignal,
): Promise<readonly StatedVersion[]> {
  const { points, machine, seq } = log.fold;
  const isMissing = (version: string | null): version is string => version !== null && !held.has(version);
  const isShown = [...points.values()].some(({ shown }) => shown.some(({ version }) => isMissing(version)));
  if (!isShown) return [];
  const found = new Map<string, StatedVersion>();
  for await (const { entry } of readLog(source, null, seq, () => undefined, signal)) {
    if (entry.type !== "verdict") continue;
    for (const item of entry.items.filter(({ point, version }) => points.has(point) && isMissing(version))) {
      const body = statementOf(keyStore, item);
      if (body === null || body.epoch < sinceEpoch || !isMissing(body.version)) continue;
      const { version, epoch } = body;
      found.set(version, { version, epoch, machineName: machine.name });
    }
  }
  return [...found.values()];
}
