import { isLockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { takeGuess } from "#keys/access/guess-budget.ts";
import { refuseUncompared } from "#keys/bindings/bind-target.ts";
import type { BindTarget } from "#keys/bindings/bind-target.ts";
import { saveOpened, targetDetail } from "#keys/bindings/bind-version.ts";
import type { BoundVersion, OpenedProtectors } from "#keys/bindings/bind-version.ts";
import { bindingsOf } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { planMatch } from "#keys/bindings/match-plan.ts";
import type { MatchTrial } from "#keys/bindings/match-plan.ts";
import { readPresented } from "#keys/bindings/presented-header.ts";
import type { PresentedHeader } from "#keys/bindings/presented-header.ts";
import { triedProtectors } from "#keys/bindings/tries.ts";
import { tryVersion } from "#keys/bindings/try-version.ts";
import type { TryDeps } from "#keys/bindings/try-version.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";
import { loadVersions, versionName, whyUnusable } from "#keys/versions/versions.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";

export type MatchRequest = BindTarget & {
  readonly header: PresentedHeader;
  /** Trials may take so long in all, as estimated. */
  readonly maxSeconds: number;
  /** Only say what would be tried. */
  readonly dryRun: boolean;
};

/** What came of looking for the version that opens a volume. */
export type Match = {
  /** Null where none does, or nothing was tried. */
  readonly bound: BoundVersion | null;
  /** Bindings that the header's protectors had before, of versions that may be used. */
  readonly known: readonly Binding[];
  /** What there was to try, and what it costs at the most. */
  readonly planned: { readonly versions: number; readonly seconds: number };
  readonly tried: number;
  /** What was not tried, or could not be, in words that name the version. */
  readonly notTried: readonly string[];
};

/**
 * Looks for the version that opens a volume, the likeliest and cheapest first, and binds it.
 *
 * @throws {LockstepError} HEADER_MISMATCH, ARGUMENT_INVALID: what was compared, or was not; RATE_LIMITED: too many headers of points;
 *   KEY_STORE_SEALED; CANCELLED; and what `readPresented` throws
 */
export async function matchVersions(
  deps: TryDeps,
  caller: Caller,
  { header: presented, maxSeconds, dryRun, ...target }: MatchRequest,
  signal: AbortSignal,
): Promise<Match> {
  const { store } = deps;
  const header = await readPresented(presented, signal);
  refuseUncompared(header.facts, target);
  const { known, trials } = plan(store, header, target);
  const planned = { versions: trials.length, seconds: trials.reduce((sum, { seconds }) => sum + seconds, 0) };
  if (dryRun) return { bound: null, known, planned, tried: 0, notTried: [] };
  void store.ring; // sealed: nothing can be tried, and no guess is spent
  if (target.source === "point") takeGuess(store, caller);
  const { opened, tried, notTried } = await tryInTurn(
    deps,
    header,
    trials,
    { maxSeconds, only: target.protector },
    signal,
  );
  const subject = opened === null ? (header.facts.uuid ?? header.facts.identity) : versionName(opened.version);
  const detail = { ...targetDetail(header.facts, target, opened?.protectors[0] ?? null), tried };
  const bound = act(store, caller, { act: "key.match", subject, detail }, () =>
    opened === null ? null : saveOpened(store, caller, opened, target),
  );
  return { bound, known, planned, tried, notTried };
}

function plan(
  store: KeyStore,
  header: EncryptedHeader,
  { place, protector }: BindTarget,
): { readonly known: readonly Binding[]; readonly trials: readonly MatchTrial[] } {
  const { identity, protectors } = header.facts;
  const now = store.deps.now();
  const usable = loadVersions(store, null).filter((version) => whyUnusable(version, now) === null);
  const ids = new Set(usable.map(({ id }) => id));
  const fingerprints = protectors.map(({ fingerprint }) => fingerprint);
  const known = bindingsOf(store, identity, fingerprints).filter(({ version }) => ids.has(version));
  const bound = new Set(known.map(({ version }) => version));
  const tried = triedProtectors(store, identity);
  return { known, trials: planMatch(header, usable, { bound, tried, place, only: protector }) };
}

type Tried = { readonly opened: OpenedProtectors | null; readonly tried: number; readonly notTried: readonly string[] };

async function tryInTurn(
  deps: TryDeps,
  header: EncryptedHeader,
  trials: readonly MatchTrial[],
  { maxSeconds, only }: { readonly maxSeconds: number; readonly only: string | null },
  signal: AbortSignal,
): Promise<Tried> {
  const notTried: string[] = [];
  let left = maxSeconds;
  let tried = 0;
  for (const { version, seconds } of trials) {
    const name = versionName(version);
    if (seconds > left) {
      notTried.push(`${name}: it may take ${Math.ceil(seconds)} s, and ${Math.floor(left)} s are left`);
      continue;
    }
    left -= seconds;
    try {
      const protectors = await tryVersion(deps, header, version, only, signal);
      return { opened: { version, protectors, facts: header.facts }, tried: tried + 1, notTried };
    } catch (error) {
      if (isLockstepError(error, "SECRET_REJECTED")) tried++;
      else notTried.push(`${name}: ${obstacleOf(error)}`);
    }
  }
  return { opened: null, tried, notTried };
}

/** What keeps one version from being tried, and no other. */
const obstacles = [
  "SECRET_INVALID",
  "KDF_TOO_COSTLY",
  "KDF_FAILED",
  "HEADER_CORRUPT",
  "FIELD_CORRUPT",
  "VOLUME_UNSUPPORTED",
  "VERSION_UNUSABLE",
  "KEY_STORE_CORRUPT",
  "RATE_LIMITED",
] as const;

/** @throws what ends all of it */
function obstacleOf(error: unknown): string {
  if (isLockstepError(error, ...obstacles)) return error.message;
  throw error;
}
