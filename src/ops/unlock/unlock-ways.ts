import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { addWay, removeWay } from "#vault/keyring/keyring-change.ts";
import type { KeyringDeps } from "#vault/keyring/keyring-change.ts";
import { wayInfoOf } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { NewWay, WayId, WayInfo } from "#vault/keyring/unlock-way.ts";
import type { Log } from "#vault/log/log.ts";

type Keyring = { readonly store: Store; readonly opened: OpenedKeyring; readonly deps: KeyringDeps };

export type ChangedWays = {
  readonly keyring: OpenedKeyring;
  readonly way: WayInfo;
  /** Logs that could not be told, in words. */
  readonly warnings: readonly string[];
};

/**
 * Adds an unlock way, and tells the logs of the new keyring, so that an older one in its place is noticed.
 *
 * @throws {LockstepError} what `addWay` throws
 */
export async function addUnlockWay(
  { store, opened, deps }: Keyring,
  logs: readonly Log[],
  way: NewWay,
  signal: AbortSignal,
): Promise<ChangedWays> {
  const keyring = await addWay(store, opened, way, deps, signal);
  const added = keyring.keyring.ways.find(({ label }) => label === way.label);
  if (added === undefined) throw new Error(`the keyring does not have the way ${way.label} that was added`);
  return { keyring, way: wayInfoOf(added), warnings: await announce(keyring, logs, signal) };
}

/**
 * Removes an unlock way, and notes it in the logs: all who write to them seal with the new data key from then on.
 *
 * @throws {LockstepError} what `removeWay` throws
 */
export async function removeUnlockWay(
  { store, opened, deps }: Keyring,
  logs: readonly Log[],
  way: WayInfo,
  signal: AbortSignal,
): Promise<ChangedWays> {
  const keyring = await removeWay(store, opened, way.id, deps, signal);
  return { keyring, way, warnings: await announce(keyring, logs, signal) };
}

/** The ways that a text means: by label, by id, or by the start of an id of 4 digits or more. */
export function findWays(ways: readonly WayInfo[], text: string): readonly WayInfo[] {
  const exact = ways.filter(({ label, id }) => label === text || id === (text as WayId));
  if (exact.length > 0 || !/^[0-9a-f]{4,}$/i.test(text)) return exact;
  return ways.filter(({ id }) => id.startsWith(text.toLowerCase()));
}

/**
 * Writes into each log that there is a newer keyring. The change is made already: a log that cannot be told will learn it
 * from its next entry.
 */
async function announce(
  { keys }: OpenedKeyring,
  logs: readonly Log[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { generation, hash } = keys.keyring;
  const warnings: string[] = [];
  for (const log of logs) {
    try {
      await log.append(
        (fold) => (fold.keyring.generation >= generation ? null : { type: "keyring", generation, hash }),
        signal,
      );
    } catch (error) {
      if (!isLockstepError(error)) throw error;
      warnings.push(`the log of ${log.fold.machine.name} was not told of the new keyring: ${messageOf(error)}`);
    }
  }
  return warnings;
}
