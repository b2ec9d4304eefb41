import { basename, extname } from "node:path";

import { isLockstepError } from "#errors/errors.ts";
import type { ListedSecret } from "#ops/key-list.ts";
import { unlockWithin } from "#ops/unlock-within.ts";
import type { FoundHeader } from "#volume/inspect.ts";
import type { UnlockTerms } from "#volume/encrypted-header.ts";
import type { EncryptedVolume, Protector } from "#volume/volume.ts";

/** A secret that may open a volume, and what finding that out costs. */
export type Trial = {
  readonly secret: ListedSecret;
  /** Try this one and no other; null: all that fit. */
  readonly only: string | null;
  readonly seconds: number;
  /** The list says that it is for this volume. */
  readonly isNamed: boolean;
};

/** What came of trying secrets on a volume. */
export type TriedSecrets = {
  /** The secret that opened it (null: it needs none), and by what; null when none did. */
  readonly opened: { readonly secret: ListedSecret | null; readonly protector: Protector | null } | null;
  /** What was not tried, or could not be, in words that say which line. */
  readonly notTried: readonly string[];
};

/**
 * The secrets that may open a volume, in the order in which to try them: those that the list names for it, then the cheapest.
 *
 * @param path  the disk's, since lists name machines and files
 */
export function planTrials({ header }: FoundHeader, path: string, secrets: readonly ListedSecret[]): readonly Trial[] {
  if (header.facts.unreadable !== null) return [];
  const trials = secrets.flatMap((secret): Trial[] => {
    const fitting = header.protectorsFor(secret.secret);
    const named = fitting.filter((protector) => isKeyId(secret.name, protector));
    const chosen = named.length === 1 ? named : fitting;
    if (chosen.length === 0) return [];
    const seconds = chosen.reduce((sum, { cost }) => sum + (cost?.seconds ?? 0), 0);
    const isNamed = named.length > 0 || isNameOf(secret.name, path, header.facts);
    return [{ secret, only: named.length === 1 ? (named[0]?.id ?? null) : null, seconds, isNamed }];
  });
  return trials.toSorted((a, b) => Number(b.isNamed) - Number(a.isNamed) || a.seconds - b.seconds);
}

/** Windows shows the first eight digits of a protector's GUID, or all of it, in braces or not. */
function isKeyId(name: string, { id }: Protector): boolean {
  const wanted = name
    .trim()
    .replace(/^\{|\}$/g, "")
    .toLowerCase();
  return /^[0-9a-f]{8}(-[0-9a-f-]{27})?$/.test(wanted) && id.startsWith(wanted);
}

function isNameOf(name: string, path: string, { uuid, label }: EncryptedVolume): boolean {
  const wanted = name.trim().toLowerCase();
  const file = basename(path);
  const names = [path, file, basename(file, extname(file)), uuid, label];
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
  { header }: FoundHeader,
  trials: readonly Trial[],
  terms: Omit<UnlockTerms, "only">,
  tried: (trial: Trial) => void,
  signal: AbortSignal,
): Promise<TriedSecrets> {
  const notTried: string[] = [];
  if (header.facts.unreadable === null && header.protectorsFor({ kind: "none" }).length > 0) {
    try {
      using unlocked = await unlockWithin(header, { kind: "none" }, { ...terms, only: null }, signal);
      return { opened: { secret: null, protector: unlocked.protector }, notTried };
    } catch (error) {
      notTried.push(`the clear key: ${whyNotTried(error)}`);
    }
  }
  for (const trial of trials) {
    const { secret, only } = trial;
    try {
      using unlocked = await unlockWithin(header, secret.secret, { ...terms, only }, signal);
      return { opened: { secret, protector: unlocked.protector }, notTried };
    } catch (error) {
      if (!isLockstepError(error, "SECRET_REJECTED")) notTried.push(`line ${secret.line}: ${whyNotTried(error)}`);
    } finally {
      tried(trial);
    }
  }
  return { opened: null, notTried };
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
