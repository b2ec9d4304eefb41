import { LockstepError } from "#errors/errors.ts";
import { outdatedSegments } from "#vault/collection/outdated-segments.ts";
import type { OutdatedSearch } from "#vault/collection/outdated-segments.ts";
import { Remover } from "#vault/collection/remover.ts";
import { replaceSegments } from "#vault/collection/replace-segments.ts";
import type { LeftAlone, SegmentToReplace } from "#vault/collection/replace-segments.ts";
import { sweep } from "#vault/collection/sweep.ts";
import type { Log } from "#vault/log/log.ts";
import { openSession, withinSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { markLive } from "#vault/tree/mark.ts";
import type { Liveness } from "#vault/tree/mark.ts";
import type { Vault } from "#vault/vault.ts";

export type RekeyOptions = { readonly progress: (step: RekeyStep) => void };

/** How far a re-keying has come: segments that were looked at, and those that got the new data key. */
export type RekeyStep = { readonly looked: number; readonly rekeyed: number };

export type RekeyResult = {
  /** The data key that everything live is sealed with now, but for what is named below. */
  readonly epoch: number;
  readonly segments: number;
  readonly writtenBytes: number;
  /** Segments that still have an older key, and why. */
  readonly leftAlone: readonly LeftAlone[];
  /** Disks with a tree that cannot be read: all of them was left as it is. */
  readonly unreadable: readonly DiskId[];
  /** Bytes sealed with older keys that the store did not let go. */
  readonly leftBytes: number;
  /** What a removed unlock way can still read, and what is left to do, in words. */
  readonly warnings: readonly string[];
};

/**
 * Seals a machine's blocks and tree nodes with the newest data key, and removes the objects that older keys open. Dead
 * objects go first, whatever their key.
 *
 * It may be stopped at any time and run again: what was done is not done again.
 *
 * Log entries, bodies of points and summaries that were written before keep their keys: they are never rewritten, since
 * each entry names the one before by its hash. And a copy of the vault that somebody made cannot be taken back.
 *
 * @throws {LockstepError} SESSION_FENCED: a prune or another re-keying began meanwhile; and what the store throws
 */
export async function rekey(vault: Vault, log: Log, options: RekeyOptions, signal: AbortSignal): Promise<RekeyResult> {
  await log.read(signal);
  const choose = () => ({ base: null, adopt: false });
  const session = await openSession(log, "maintenance", { random: vault.random, choose }, signal);
  if (session === null) throw new LockstepError("SESSION_FENCED", "The re-keying was not begun.");
  return withinSession(log, session, () => rekeyInSession({ vault, log, session }, options, signal), signal);
}

async function rekeyInSession(
  { vault, log, session }: { readonly vault: Vault; readonly log: Log; readonly session: Session },
  options: RekeyOptions,
  signal: AbortSignal,
): Promise<RekeyResult> {
  const { store, keyring } = vault;
  const { keys } = keyring;
  const { machine } = log;
  const epoch = keys.currentEpoch;
  const remover = new Remover(store);
  const quiet = { both: false, onSegment: () => undefined };
  const live = await markLive({ store, keys, machine, log }, (fold) => fold, quiet, signal);
  await sweep({ store, machine, remover }, live, { onKept: () => undefined, progress: () => undefined }, signal);

  const passedOver: LeftAlone[] = [];
  let looked = 0;
  let rekeyed = 0;
  const report = (): void => options.progress({ looked, rekeyed });
  const search: OutdatedSearch = {
    store,
    log,
    currentEpoch: epoch,
    progress: () => {
      looked++;
      report();
    },
    passOver: (left) => void passedOver.push(left),
  };
  const done = await replaceSegments(
    { vault, log, session, remover },
    outdated(search, live, signal),
    () => {
      rekeyed++;
      report();
    },
    signal,
  );
  const unreadable = [...live.disks].flatMap(([disk, marks]) => (marks.unreadable.length > 0 ? [disk] : []));
  const leftAlone = [...passedOver, ...done.leftAlone];
  const { segments, writtenBytes } = done;
  return {
    epoch,
    segments,
    writtenBytes,
    leftAlone,
    unreadable,
    leftBytes: remover.leftBytes,
    warnings: warningsOf(remover, leftAlone.length, unreadable),
  };
}

async function* outdated(
  search: OutdatedSearch,
  live: Liveness,
  signal: AbortSignal,
): AsyncGenerator<SegmentToReplace, undefined> {
  for (const [disk, marks] of live.disks) {
    if (marks.unreadable.length === 0) yield* outdatedSegments(search, disk, marks, signal);
  }
}

/** What no re-keying can change, in words. */
export const REKEY_LIMITS =
  "Log entries and bodies of points that were written before keep their data keys: with a removed unlock way and the keyring as it was, they say what was backed up when, and nothing of what it held. A copy of the vault that somebody made before stays readable to him as a whole.";

function warningsOf(remover: Remover, leftAlone: number, unreadable: readonly DiskId[]): string[] {
  const warnings: string[] = [];
  if (leftAlone > 0) warnings.push(`${leftAlone} segments still have an older data key; run this again later`);
  for (const disk of unreadable) {
    warnings.push(`disk ${disk}: a block tree cannot be read, so all of the disk keeps its data keys`);
  }
  if (remover.denied !== null) {
    warnings.push(
      `${remover.denied.message} What older data keys open is still there: run this again with credentials that may delete.`,
    );
  }
  return warnings;
}
