import type { LockstepError } from "#errors/errors.ts";
import type { DiskPlaceName } from "#ops/machines/disk-places.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";
import { scanDisk } from "#ops/volumes/scan-disks.ts";
import type { ScannedDisk } from "#ops/volumes/scan-disks.ts";
import { planTrials, tryTrial } from "#ops/volumes/try-secrets.ts";
import type { Trial } from "#ops/volumes/try-secrets.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { FoundHeader } from "#volume/inspect.ts";

/** A volume of a machine's disk, as the vault names it. */
export type VolumePlace = DiskPlaceName & { readonly volume: string };

/** A disk whose volumes secrets are tried on. */
export type DiskToMatch = DiskPlaceName & { readonly path: string };

/** What a disk has to be tried, or why it cannot be looked at. */
export type DiskOutlook = {
  readonly disk: DiskToMatch;
  readonly failure: LockstepError | null;
  /** Names of its encrypted volumes. */
  readonly volumes: readonly string[];
  /** Trials that there are at the most, and what they cost. */
  readonly trials: number;
  readonly seconds: number;
};

/** An encrypted volume, and the secrets that open it. */
export type MatchedVolume = {
  readonly path: string;
  readonly place: VolumePlace;
  readonly facts: EncryptedVolume;
  readonly opened: readonly { readonly secret: ImportableSecret; readonly protector: Protector }[];
  /** What was not tried, or could not be, in words that say which line. */
  readonly notTried: readonly string[];
};

/** Looks at a disk, and says what trying secrets on it costs. Tries none. @throws {LockstepError} CANCELLED */
export async function outlookOf(
  disk: DiskToMatch,
  secrets: readonly ImportableSecret[],
  signal: AbortSignal,
): Promise<DiskOutlook> {
  const look = ({ inspection, failure }: ScannedDisk): Promise<DiskOutlook> => {
    const headers = [...(inspection?.headers ?? [])];
    const trials = headers.flatMap(([, found]) => plan(found, disk, secrets));
    return Promise.resolve({
      disk,
      failure,
      volumes: headers.map(([name]) => name),
      trials: trials.length,
      seconds: trials.reduce((sum, { seconds }) => sum + seconds, 0),
    });
  };
  return scanDisk(disk.path, look, signal);
}

/**
 * Tries secrets on the encrypted volumes of a disk: all until one opens a volume, and further ones where the list names them for it,
 * since a volume may have several.
 *
 * @param tried  told after each trial
 * @returns      one for each encrypted volume; none where the disk cannot be looked at any more
 * @throws {LockstepError} CANCELLED
 */
export async function matchDisk(
  disk: DiskToMatch,
  secrets: readonly ImportableSecret[],
  terms: Omit<UnlockTerms, "only">,
  tried: () => void,
  signal: AbortSignal,
): Promise<readonly MatchedVolume[]> {
  return scanDisk(
    disk.path,
    async ({ inspection }) => {
      const matched: MatchedVolume[] = [];
      for (const [volume, found] of inspection?.headers ?? []) {
        const trials = plan(found, disk, secrets);
        const { machine, disk: name } = disk;
        const result = await tryInTurn(found, trials, terms, tried, signal);
        matched.push({ path: disk.path, place: { machine, disk: name, volume }, facts: found.header.facts, ...result });
      }
      return matched;
    },
    signal,
  );
}

function plan(
  found: FoundHeader,
  { path, machine, disk }: DiskToMatch,
  secrets: readonly ImportableSecret[],
): readonly Trial<ImportableSecret>[] {
  const { protectors } = found.header.facts;
  const mayFit = secrets.filter(({ keyId }) => keyId === null || protectors.some(({ id }) => id.startsWith(keyId)));
  return planTrials(found, path, mayFit, [machine, disk]);
}

async function tryInTurn(
  found: FoundHeader,
  trials: readonly Trial<ImportableSecret>[],
  terms: Omit<UnlockTerms, "only">,
  tried: () => void,
  signal: AbortSignal,
): Promise<Pick<MatchedVolume, "opened" | "notTried">> {
  const opened: { secret: ImportableSecret; protector: Protector }[] = [];
  const notTried: string[] = [];
  for (const trial of trials) {
    if (opened.length > 0 && !trial.isNamed) continue;
    const { protector, failure } = await tryTrial(found, trial, terms, signal);
    tried();
    if (protector !== null) opened.push({ secret: trial.secret, protector });
    if (failure !== null) notTried.push(`${trial.secret.from}, line ${trial.secret.line}: ${failure}`);
  }
  return { opened, notTried };
}
