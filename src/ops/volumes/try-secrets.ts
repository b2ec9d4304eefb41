import { basename, extname } from "node:path";

import { isLockstepError } from "#errors/errors.ts";
import type { ListedSecret } from "#ops/secrets/key-list.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";
import { isProtectorName } from "#volume/header/protector-name.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { FoundHeader } from "#volume/inspect.ts";

/** A secret that may open a volume, and what finding that out costs. */
export type Trial<Listed extends ListedSecret = ListedSecret> = {
  readonly secret: Listed;
  /** Try this one and no other; null: all that fit. */
  readonly only: string | null;
  readonly seconds: number;
  /** The list says that it is for this volume. */
  readonly isNamed: boolean;
};

/** What came of trying secrets on a volume. */
export type TriedSecrets = {
  /** The secret that opened it (null: it needs none), and by what (null: it is not encrypted); null when none did. */
  readonly opened: { readonly secret: ListedSecret | null; readonly protector: Protector | null } | null;
  /** What was not tried, or could not be, in words that say which line. */
  readonly notTried: readonly string[];
};

/**
 * The secrets that may open a volume, in the order in which to try them: those that the list names for it, then the cheapest.
 *
 * @param path   the disk's, since lists name machines and files
 * @param names  what else the volume goes by, such as its machine's name
 */
export function planTrials<Listed extends ListedSecret>(
  { header }: FoundHeader,
  path: string,
  secrets: readonly Listed[],
  names: readonly string[] = [],
): readonly Trial<Listed>[] {
  if (header.facts.unreadable !== null) return [];
  const trials = secrets.flatMap((secret): Trial<Listed>[] => {
    const fitting = header.protectorsFor(secret.secret);
    const named = fitting.filter((each) => each.kind !== "passphrase" && isProtectorName(secret.name, each));
    const isNamed = named.length > 0 || isNameOf(secret.name, path, header.facts, names);
    const trialOf = (protectors: readonly Protector[], only: string | null): Trial<Listed> => {
      const seconds = protectors.reduce((sum, { cost }) => sum + (cost?.seconds ?? 0), 0);
      return { secret, only, seconds, isNamed };
    };
    const asked = named.length === 1 ? named : header.protectorsOnRequest(secret.secret);
    return [
      ...(named.length === 1 || fitting.length === 0 ? [] : [trialOf(fitting, null)]),
      ...asked.map((protector) => trialOf([protector], protector.id)),
    ];
  });
  return trials.toSorted((a, b) => Number(b.isNamed) - Number(a.isNamed) || a.seconds - b.seconds);
}

/** A BitLocker volume that is not encrypted yet, or not any more. */
function isPlain({ format, warnings }: EncryptedVolume): boolean {
  return format === "bitlocker" && warnings.some(({ code }) => code === "NOT_ENCRYPTED");
}

function isNameOf(
  name: string,
  path: string,
  { uuid, label }: EncryptedVolume,
  otherNames: readonly string[],
): boolean {
  const wanted = name.trim().toLowerCase();
  const file = basename(path);
  const names = [path, file, basename(file, extname(file)), uuid, label, ...otherNames];
  return wanted !== "" && names.some((each) => each?.toLowerCase() === wanted);
}

/**
 * Tries secrets on a volume, one after the other, until one opens it; a volume with a clear key needs none. What keeps one
 * trial from being made is said in the result, and the others are made.
 *
 * @param tried  told after each trial, with the seconds that it was expected to take
 * @throws {LockstepError} CANCELLED
 */
export async function trySecrets(
  found: FoundHeader,
  trials: readonly Trial[],
  terms: Omit<UnlockTerms, "only">,
  tried: (trial: Trial) => void,
  signal: AbortSignal,
): Promise<TriedSecrets> {
  const { header } = found;
  const notTried: string[] = [];
  if (
    header.facts.unreadable === null &&
    (isPlain(header.facts) || header.protectorsFor({ kind: "none" }).length > 0)
  ) {
    try {
      using unlocked = await unlockWithin(header, { kind: "none" }, { ...terms, only: null }, signal);
      return { opened: { secret: null, protector: unlocked.protector }, notTried };
    } catch (error) {
      notTried.push(`the clear key: ${whyNotTried(error)}`);
    }
  }
  for (const trial of trials) {
    try {
      const { protector, failure } = await tryTrial(found, trial, terms, signal);
      if (protector !== null) return { opened: { secret: trial.secret, protector }, notTried };
      if (failure !== null) notTried.push(`line ${trial.secret.line}: ${failure}`);
    } finally {
      tried(trial);
    }
  }
  return { opened: null, notTried };
}

/**
 * Tries one secret.
 *
 * @returns  what it opened, null where it opens nothing; why it could not be tried, null where it could
 * @throws {LockstepError} CANCELLED
 */
export async function tryTrial(
  { header }: FoundHeader,
  { secret, only }: Trial,
  terms: Omit<UnlockTerms, "only">,
  signal: AbortSignal,
): Promise<{ readonly protector: Protector | null; readonly failure: string | null }> {
  try {
    using unlocked = await unlockWithin(header, secret.secret, { ...terms, only }, signal);
    return { protector: unlocked.protector, failure: null };
  } catch (error) {
    const failure = isLockstepError(error, "SECRET_REJECTED") ? null : whyNotTried(error);
    return { protector: null, failure };
  }
}

const obstacles = [
  "SECRET_INVALID",
  "SECRET_REJECTED",
  "KDF_TOO_COSTLY",
  "KDF_FAILED",
  "HEADER_CORRUPT",
  "FIELD_CORRUPT",
  "VOLUME_UNSUPPORTED",
  "DISK_UNREADABLE",
] as const;

function whyNotTried(error: unknown): string {
  if (isLockstepError(error, ...obstacles)) return error.message;
  throw error;
}
