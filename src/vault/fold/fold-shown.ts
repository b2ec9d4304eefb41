import type { EntryOf, LoggedVerdict, Receipt } from "#vault/entry/entry.ts";
import { changes, gone, ignore, nothing } from "#vault/fold/fold-effect.ts";
import type { Effect } from "#vault/fold/fold-effect.ts";
import type { Fold, PartCheck, PointState, ShownVolume } from "#vault/fold/fold.ts";
import type { PointId } from "#vault/object/ids.ts";

/*
 * Entries that say what was found and shown of points. They change nothing that keeps a point whole: a reader that does not know
 * them loses nothing but that knowledge.
 */

/** Each item counts if the fold has its point. */
export function volumes(fold: Fold, { items }: EntryOf<"volumes">): Effect {
  return pointByPoint(fold, items, (state, { disks }) => ({ ...state, volumes: disks }));
}

/** Each item counts if the fold has its point. Of the statements on a volume the one that was logged last stays. */
export function verdict(fold: Fold, { items }: EntryOf<"verdict">): Effect {
  return pointByPoint(fold, items, (state, item) => {
    const isOther = (each: ShownVolume): boolean => each.disk !== item.disk || each.volume !== item.volume;
    const before = state.shown.find((each) => !isOther(each));
    return { ...state, shown: [...state.shown.filter(isOther), shownOf(item, before?.openedAt ?? null)] };
  });
}

/** Verdicts that say that a key opens the volume, and that nothing in it is wrong. */
const opened: readonly string[] = ["reads", "opens"];

function shownOf(item: LoggedVerdict, openedBefore: string | null): ShownVolume {
  const { disk, volume, verdict: word, version, at, derivedAt, unproven } = item;
  const openedAt = opened.includes(word) ? (derivedAt ?? openedBefore) : openedBefore;
  return { disk, volume, verdict: word, version, at, derivedAt, unproven, openedAt };
}

/**
 * The latest counts; but what a store signs with never changes. What another store stated before is no word of this one, which may not
 * hold those keys. The walk over all points is no cost: this happens a few times in a log's life.
 */
export function keyStore(fold: Fold, { store, signingKey, proofDays }: EntryOf<"keystore">): Effect {
  const known = fold.keyStore;
  if (known?.store === store && known.signingKey !== signingKey) return ignore(`key store ${store} has another key`);
  const isOther = known !== null && known.store !== store;
  const stated = isOther ? [...fold.points].filter(([, { shown }]) => shown.length > 0) : [];
  const points = fold.points.withAll(
    stated.map(([id, state]) => [id, { ...state, shown: state.shown.map((each) => ({ ...each, ...notTried })) }]),
  );
  return changes({ keyStore: { store, signingKey, proofDays }, points });
}

const notTried = { verdict: "not tried", version: null, derivedAt: null } as const;

/** The newest of each key store stays, also where it was logged before an older one. */
export function receipt(fold: Fold, { receipt: given }: EntryOf<"receipt">): Effect {
  const known = fold.receipts.get(given.store);
  if (known !== undefined && !isNewer(given, known)) return nothing;
  return changes({ receipts: new Map([...fold.receipts, [given.store, given]]) });
}

function isNewer(a: Receipt, b: Receipt): boolean {
  return a.epoch === b.epoch ? a.auditSeq > b.auditSeq : a.epoch > b.epoch;
}

/**
 * What a check found. Its date counts unless the writer's clock is in doubt; what it found of damage counts always. The walk over
 * all points is no cost: a check read all of them.
 */
export function checked(fold: Fold, entry: EntryOf<"checked">, doubtful: boolean): Effect {
  const { part, startedAt, upTo } = entry;
  const hurt = new Set(entry.hurt);
  const isWhole = entry.points !== null && part?.[1] === 1 && !doubtful;
  const changed: [PointId, PointState][] = [];
  for (const id of entry.points ?? fold.points.keys()) {
    const state = fold.points.get(id);
    if (state === undefined || state.seq > upTo) continue;
    const isHurt = hurt.has(id);
    const foundSoundAt = isWhole ? startedAt : state.checkedAt;
    const checkedAt = isHurt ? null : foundSoundAt;
    if (isHurt !== state.hurt || checkedAt !== state.checkedAt)
      changed.push([id, { ...state, hurt: isHurt, checkedAt }]);
  }
  const points = fold.points.withAll(changed);
  if (entry.points !== null || part === null || doubtful) return changes({ points });
  const check: PartCheck = { part, startedAt, upTo };
  return changes({ points, checks: new Map([...fold.checks, [part.join("/"), check]]) });
}

/** Each item counts by itself. */
function pointByPoint<Item extends { readonly point: PointId }>(
  fold: Fold,
  items: readonly Item[],
  change: (state: PointState, item: Item) => PointState,
): Effect {
  const changed = new Map<PointId, PointState>();
  const ignored: string[] = [];
  for (const item of items) {
    const state = changed.get(item.point) ?? fold.points.get(item.point);
    if (state === undefined) ignored.push(...gone(item.point).ignored);
    else changed.set(item.point, change(state, item));
  }
  return { change: { points: fold.points.withAll(changed) }, ignored };
}
