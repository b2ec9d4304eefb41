import { LockstepError } from "#errors/errors.ts";
import { auditHead } from "#keys/audit/audit.ts";
import { deletePastTerm } from "#keys/copies/copy-deletion.ts";
import { planCopy } from "#keys/copies/copy-plan.ts";
import type { CopyKind } from "#keys/copies/copy-plan.ts";
import type { NamedCopy } from "#keys/copies/copy-search.ts";
import { makeCopy, putCopy } from "#keys/copies/copy-writer.ts";
import { holdEpoch } from "#keys/copies/epoch-hold.ts";
import { OpenPlaces } from "#keys/copies/open-places.ts";
import type { CopySide, OpenPlace } from "#keys/copies/open-places.ts";
import { ownCopies } from "#keys/copies/own-copies.ts";
import { placesInUse } from "#keys/copies/places.ts";
import { destroyedVersions, loadChain, newestNumber } from "#keys/copies/stored-copies.ts";
import type { StoredCopy } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { currentKit } from "#keys/kit/kits.ts";
import { forgetChanges, hasChangedAfter, hasUrgentAfter, newestChange, rowKey } from "#keys/store/changes.ts";
import { SCHEMA_VERSION, inTransaction } from "#keys/store/database.ts";
import type { Version } from "#keys/versions/versions.ts";
import { isPutBack } from "#policy/frozen.ts";

/** How it went to see that each place has all. */
export type CopyOutcome = {
  /** What was written now; null where nothing had to be. */
  readonly written: { readonly number: number; readonly kind: CopyKind } | null;
  readonly places: readonly { readonly place: string; readonly failure: string | null }[];
};

/** What a caller wants to be copied. */
export type CopyWant = "due" | "all" | "full";

/** One at a time for a store: what comes while one runs waits for it, and then looks anew. */
const running = new WeakMap<KeyStore, Promise<unknown>>();

/**
 * Sees to it that everything that people and the store itself did is in a copy that is durable and was read back: in every place that can be
 * reached, and in one at least. Writes a copy where there is need for one; deletes those that have served their term. What vaults report
 * anew can wait for the next copy: see `planCopy`.
 *
 * To be called before a version is handed to anybody.
 *
 * @param want  "all": also what could wait; "full": write a full copy, whatever there is
 * @throws {LockstepError} COPY_NOT_DURABLE: no kit, no place, none that can be reached, or one that can and fails;
 *   KEY_STORE_SEALED; KEY_STORE_FROZEN: it was put back to an older state, or another server began a later epoch of this store, which
 *   is frozen from now on; CANCELLED
 */
export async function ensureCopied(side: CopySide, signal: AbortSignal, want: CopyWant = "due"): Promise<CopyOutcome> {
  const before = running.get(side.store);
  const work = (async () => {
    await before?.catch(() => undefined);
    return copyNow(side, want, signal);
  })();
  running.set(side.store, work);
  return work;
}

/** Whether there is a kit that opens copies, and a place for them, and none is to be kept from taking the place of a newer one. */
export function isReadyForCopies(store: KeyStore): boolean {
  return currentKit(store) !== null && placesInUse(store).length > 0 && !isPutBack(store.facts().frozen);
}

/** Whether a copy is due, as far as is known without a look at the places; one that failed last is passed over. */
export function isCopyDue(store: KeyStore): boolean {
  const places = placesInUse(store).filter(({ state }) => (state?.failure ?? null) === null);
  return places.length > 0 && planOf(store, places, false) !== null;
}

/**
 * Tries whether copies could go to a place.
 *
 * @returns  the copies of this store there, such as those of before a recovery; those of another one are not among them
 * @throws {LockstepError} COPY_REJECTED: it has copies of another key store; KEY_STORE_FROZEN; KEY_STORE_SEALED; and what the place throws
 */
export async function tryPlace(side: CopySide, place: string, signal: AbortSignal): Promise<readonly NamedCopy[]> {
  await using objects = await side.openPlace(place, signal);
  await holdEpoch(side.store, { id: null, place, objects, hadCopies: false }, signal);
  return await ownCopies(side.store, { place, objects }, signal);
}

/**
 * Sees to it that a version as it is now is in a copy in every place that can be reached, and in one at least. Looks at the places only
 * where one of them lacks it, as far as is known.
 *
 * @throws {LockstepError} as `ensureCopied`
 */
export async function ensureVersionCopied(
  side: CopySide,
  version: Pick<Version, "id">,
  signal: AbortSignal,
): Promise<void> {
  const { store } = side;
  const chain = loadChain(store);
  const isInAll = placesInUse(store).every(({ id }) => chain.every(({ places }) => places.has(id)));
  if (!isInAll || !versionIsCopied(store, version)) await ensureCopied(side, signal);
}

/** Whether a durable copy, in one place at least, has a version as it is now. Does not look at the places. */
export function versionIsCopied(store: KeyStore, { id }: Pick<Version, "id">): boolean {
  const newest = loadChain(store).at(-1);
  return newest !== undefined && !hasChangedAfter(store.db, newest.upto, { table: "versions", key: rowKey(id) });
}

async function copyNow(side: CopySide, want: CopyWant, signal: AbortSignal): Promise<CopyOutcome> {
  const { store } = side;
  void store.ring;
  refusePutBack(store);
  refuseUnready(store);
  await using places = await OpenPlaces.open(side, signal);
  await places.each((place) => holdEpoch(store, place, signal));
  let written: CopyOutcome["written"] = null;
  const plan = want === "full" ? "full" : planOf(store, places.reachable, want === "all");
  if (plan !== null && places.reachable.length > 0) written = await writeCopy(store, places, plan, signal);
  await places.each((place) => deletePastTerm(store, place, signal));
  places.saveStates();
  refuseUndurable(places);
  return { written, places: places.outcomes };
}

async function writeCopy(
  store: KeyStore,
  places: OpenPlaces,
  plan: CopyKind,
  signal: AbortSignal,
): Promise<CopyOutcome["written"]> {
  const number = places.nextNumber(newestNumber(store));
  const chain = loadChain(store);
  const copy = await makeCopy(store, {
    number,
    plan,
    previous: chain.at(-1) ?? null,
    largestBytes: chain[0]?.sizeBytes ?? 0,
  });
  await places.each((place) => putCopy(store, place, copy, signal));
  if (places.reachable.length > 0) inTransaction(store.db, () => forgetChanges(store.db, copy.upto));
  return { number, kind: copy.kind };
}

/**
 * @param places  those that can be written to; `numbers`, where it is known, are the copies that are still there
 * @param isAll   what could wait is due as well
 */
function planOf(
  store: KeyStore,
  places: readonly (Pick<OpenPlace, "id"> & Partial<Pick<OpenPlace, "numbers">>)[],
  isAll: boolean,
): CopyKind | null {
  const chain = loadChain(store);
  const newest = chain.at(-1);
  const gone = ({ number }: StoredCopy): ReadonlySet<string> =>
    new Set(places.filter(({ numbers }) => numbers?.has(number) === false).map(({ id }) => id));
  const reported = newest !== undefined && newestChange(store.db) > newest.upto;
  return planCopy({
    nowMs: store.deps.now().epochMilliseconds,
    chain: chain.map((copy) => ({ ...copy, places: copy.places.difference(gone(copy)) })),
    changed: newest === undefined || isMissingChange(store, newest) || (isAll && reported),
    reported,
    audited: newest === undefined || auditHead(store.db).seq > newest.auditUpto,
    destroyed: destroyedVersions(store) > (chain[0]?.destroyed ?? 0),
    kit: currentKit(store)?.id ?? "",
    schema: SCHEMA_VERSION,
    reachable: places.map(({ id }) => id),
  });
}

/** Whether something changed that no copy has, and that must be copied at once. */
export function isMissingChange(store: KeyStore, { upto }: StoredCopy): boolean {
  return hasUrgentAfter(store.db, upto);
}

/** Copies that it wrote before it was put back are newer than any that it could write. */
function refusePutBack(store: KeyStore): void {
  const { frozen } = store.facts();
  if (!isPutBack(frozen)) return;
  throw new LockstepError("KEY_STORE_FROZEN", `copying the key store: no copy is written or deleted: ${frozen}`, {
    hint: "docs/key-side.md says what a custodian does.",
  });
}

function refuseUnready(store: KeyStore): void {
  if (currentKit(store) === null) {
    throw undurable("the key store has no kit that could open a copy", "Make one: `lockstep kit create`.");
  }
  if (placesInUse(store).length === 0) {
    throw undurable("there is no place for copies", "Add one: `lockstep place add FOLDER`.");
  }
}

/** A place that cannot be reached is passed over as long as another one has all; one that fails otherwise is not. */
function refuseUndurable(places: OpenPlaces): void {
  const failing = places.failures.find(({ isAway }) => !isAway);
  if (failing !== undefined) {
    const next = failing.hint ?? "Mend the place.";
    // The last place is not one to take out.
    const otherwise = places.outcomes.length > 1 ? " Or take the place out: `lockstep place remove`." : "";
    throw undurable(`${failing.place}: ${failing.failure}`, `${next}${otherwise}`);
  }
  if (places.reachable.length > 0) return;
  const [first] = places.failures;
  throw undurable(
    `no place can be reached; ${first?.place}: ${first?.failure}`,
    "Mount it, or add another place: `lockstep place add FOLDER`.",
  );
}

function undurable(why: string, hint: string): LockstepError {
  return new LockstepError("COPY_NOT_DURABLE", `copying the key store: ${why}`, { hint });
}
