import type { BindingFacts } from "#api/values.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import { logVerdicts } from "#ops/check/log-verdicts.ts";
import { headersToRenew } from "#ops/keys/headers-to-renew.ts";
import { knowKeyStore } from "#ops/keys/known-key-store.ts";
import { provePoint } from "#ops/keys/prove-point.ts";
import type { PointHeaderId, ProveDeps, ProvedVolume } from "#ops/keys/prove-point.ts";
import { reportPoints } from "#ops/keys/report-points.ts";
import type { PointReport } from "#ops/keys/report-points.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import type { PointId } from "#vault/object/ids.ts";

/** What came of telling the key side of points, and of asking it to open them. */
export type InStep = {
  /** Null where the key side could not be told. */
  readonly report: PointReport | null;
  /** Bindings that the newest point shows to be gone. */
  readonly gone: readonly BindingFacts[];
  readonly proved: ReadonlyMap<PointId, readonly ProvedVolume[]>;
  /** Why the key side did not do all that was asked; null when it did. */
  readonly trouble: LockstepError | null;
};

/** How the key side, or the way to it, fails; whatever else fails is of the vault. */
const troubles = [
  "KEY_STORE_MISSING",
  "KEY_STORE_BUSY",
  "KEY_STORE_NEWER",
  "KEY_STORE_CORRUPT",
  "KEY_STORE_OTHER",
  "KEY_STORE_SEALED",
  "KEY_STORE_FROZEN",
  "KEY_SIDE_UNREACHABLE",
  "IDENTITY_REJECTED",
  "NOT_ALLOWED",
  "RATE_LIMITED",
  "KDF_FAILED",
  "NAME_UNKNOWN",
  "ARGUMENT_INVALID",
] as const;

/** Whether an error of a call says that the key side cannot be asked, or refuses. */
export function isKeySideTrouble(error: unknown): error is LockstepError {
  return isLockstepError(error, ...troubles);
}

/** Points that are proved before their verdicts are logged. */
const POINTS_AT_ONCE = 64;

/**
 * Keeps the key side in step with a machine: reports all of its points, has those that are named proved, and logs what came of it.
 * A key side that is out of reach, sealed, or refuses is no failure of this: what it did not do stays as the log has it. What keeps one
 * volume from being proved is said of it, and the others are proved.
 *
 * Where the latest proof of a header grows old, a key is derived for it anew; the other points that have it share that. A point that is
 * found damaged renews it for itself alone: a key is then derived for the next one that has it, too.
 *
 * @param points    those to prove; of those that are gone, or in which nothing is encrypted, nothing is asked
 * @param anew      derive for each of them, whatever there is
 * @param progress  told after each point
 * @throws {LockstepError} what the store and `Log.append` throw; CANCELLED
 */
export async function keepInStep(
  deps: ProveDeps,
  points: readonly PointId[],
  { anew, progress }: { readonly anew: boolean; readonly progress: (done: number) => void },
  signal: AbortSignal,
): Promise<InStep> {
  const proved = new Map<PointId, readonly ProvedVolume[]>();
  let report: PointReport | null = null;
  let gone: InStep["gone"] = [];
  let unlogged: ProvedVolume[] = [];
  const flush = async (): Promise<void> => {
    await logVerdicts(
      deps.log,
      unlogged.flatMap(({ verdict }) => verdict ?? []),
      signal,
    );
    unlogged = [];
  };
  try {
    await knowKeyStore(deps, signal);
    report = await reportPoints(deps, signal);
    const about = { vault: deps.vault.keyring.keys.vaultId, machine: deps.log.machine };
    ({ gone } = await deps.client.call("binding.gone", about, signal));
    const toRenew = headersToRenew(deps.log.fold, deps.vault.now());
    const isAnew = (header: PointHeaderId): boolean => anew || toRenew.isDue(header);
    for (const [index, id] of points.entries()) {
      const volumes = await proveOne(deps, id, isAnew, signal);
      if (volumes.length > 0) proved.set(id, volumes);
      unlogged.push(...volumes);
      for (const each of volumes) toRenew.note(each);
      if (index % POINTS_AT_ONCE === POINTS_AT_ONCE - 1) await flush();
      progress(index + 1);
    }
    await flush();
    return { report, gone, proved, trouble: null };
  } catch (error) {
    if (!isKeySideTrouble(error)) throw error;
    await flush();
    return { report, gone, proved, trouble: error };
  }
}

async function proveOne(
  deps: ProveDeps,
  id: PointId,
  isAnew: (header: PointHeaderId) => boolean,
  signal: AbortSignal,
): Promise<readonly ProvedVolume[]> {
  const point = deps.log.fold.points.get(id);
  if (point === undefined || encryptedVolumes(point).length === 0) return [];
  try {
    return await provePoint(deps, point, isAnew, signal);
  } catch (error) {
    if (isLockstepError(error, "POINT_GONE")) return [];
    throw error;
  }
}
