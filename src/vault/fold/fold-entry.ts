import { fromHex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { judgeClock } from "#policy/clock.ts";
import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type { Entry, EntryOf, Lane, LoggedEntry, PointRecord, SlotRanges } from "#vault/entry/entry.ts";
import { changes, gone, ignore, nothing } from "#vault/fold/fold-effect.ts";
import type { Effect } from "#vault/fold/fold-effect.ts";
import { FoldMap } from "#vault/fold/fold-map.ts";
import { checked, keyStore, receipt, verdict, volumes } from "#vault/fold/fold-shown.ts";
import { uniteSlots, withoutSlots } from "#vault/fold/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold/fold.ts";
import type { ClockState, Fold, OpenSession, SegmentKey } from "#vault/fold/fold.ts";
import { firstGeneration, sessionId, sessionOfGeneration, sessionOfSegment } from "#vault/object/ids.ts";
import type { GenerationId, PointId, SessionId } from "#vault/object/ids.ts";

/** A fold, and what of the entry did not count, in words. */
export type Folded = { readonly fold: Fold; readonly ignored: readonly string[] };

/**
 * The fold of a log's first entry.
 *
 * @throws {LockstepError} LOG_CORRUPT: it is not of type "machine"
 */
export function firstFold({ entry, hash }: LoggedEntry): Fold {
  if (entry.type !== "machine") {
    throw new LockstepError("LOG_CORRUPT", `The log starts with an entry of type "${entry.type}", not "machine".`);
  }
  return {
    seq: entry.seq,
    hash,
    machine: entry.machine,
    points: FoldMap.of(),
    backup: null,
    maintenance: null,
    generations: FoldMap.of(),
    damaged: FoldMap.of(),
    keyStore: null,
    receipts: new Map(),
    checks: new Map(),
    keyring: entry.keyring,
    clock: { trustedAt: entry.at, doubtfulSinceSeq: null },
  };
}

/**
 * Folds the next entry in. Whether an entry counts is decided here and nowhere else, from the log alone: a fenced
 * session's entries, a late purge or a stale replacement are no errors, they change nothing.
 *
 * Does not verify that the entry follows the fold: `readLog` does. Takes time by the size of the entry.
 *
 * @see docs/format/log.md, "Folding"
 */
export function applyEntry(fold: Fold, { entry, hash }: LoggedEntry): Folded {
  const doubtful = isDoubtful(fold, entry);
  const next: Fold = {
    ...fold,
    seq: entry.seq,
    hash,
    keyring: newerKeyring(fold.keyring, entry.keyring),
    clock: clockAfter(fold.clock, entry, doubtful),
  };
  const { change, ignored } = effectOf(next, entry, doubtful);
  return {
    fold: { ...next, ...change },
    ignored: ignored.map((why) => `log entry ${entry.seq} (${entry.type}) does not count: ${why}`),
  };
}

function effectOf(fold: Fold, entry: Entry, doubtful: boolean): Effect {
  switch (entry.type) {
    case "machine":
      return changes({ machine: entry.machine });
    case "opened":
      return opened(fold, entry, doubtful);
    case "checkpoint":
      return checkpoint(fold, entry, doubtful);
    case "closed":
      return closed(fold, entry);
    case "point":
      return point(fold, entry, doubtful);
    case "deleted":
      return deleted(fold, entry);
    case "undeleted":
      return undeleted(fold, entry);
    case "purged":
      return purged(fold, entry);
    case "replaced":
      return replaced(fold, entry);
    case "damaged":
      return damaged(fold, entry);
    case "swept":
      return swept(fold, entry);
    case "volumes":
      return volumes(fold, entry);
    case "verdict":
      return verdict(fold, entry);
    case "keystore":
      return keyStore(fold, entry);
    case "receipt":
      return receipt(fold, entry);
    case "checked":
      return checked(fold, entry, doubtful);
    case "keyring":
      return changes({ keyring: newerKeyring(fold.keyring, entry) });
    case "clock":
      return clockConfirmed(fold);
    case "unknown":
      return nothing;
  }
}

function opened(fold: Fold, entry: EntryOf<"opened">, dateDoubtful: boolean): Effect {
  const { lane, base, adopts, closes } = entry;
  const open = fold[lane];
  if (closes !== (open?.id ?? null))
    return ignore(`it closes ${closes ?? "nothing"}, open is ${open?.id ?? "nothing"}`);
  if (lane === "maintenance" && (base !== null || adopts !== null)) return ignore("maintenance has no base");
  if (base !== null && !fold.points.has(base)) return ignore(`its base ${base} is purged or never was`);
  const adopted = adopts === null ? null : (open?.checkpoint ?? open?.adopted ?? null);
  if (adopts !== null && (adopts.session !== closes || adopts.checkpointSeq !== adopted?.seq)) {
    return ignore(`what it adopts is not the latest checkpoint of the session that it closes`);
  }
  const id = sessionId(entry.seq, fromHex(entry.nonce) ?? new Uint8Array());
  const { seq, at, host } = entry;
  return changes({ [lane]: { id, lane, seq, openedAt: at, host, base, adopted, checkpoint: null, dateDoubtful } });
}

function checkpoint(fold: Fold, entry: EntryOf<"checkpoint">, doubtful: boolean): Effect {
  const { backup } = fold;
  if (backup?.id !== entry.session) return fenced(entry.session, "backup");
  const dateDoubtful = backup.dateDoubtful || doubtful;
  return changes({
    backup: { ...backup, dateDoubtful, checkpoint: { seq: entry.seq, at: entry.at, disks: entry.disks } },
  });
}

function closed(fold: Fold, { session }: EntryOf<"closed">): Effect {
  if (fold.backup?.id === session) return changes({ backup: null });
  if (fold.maintenance?.id === session) return changes({ maintenance: null });
  return ignore(`session ${session} is not open`);
}

/** A point ends its session: what the session wrote is the point's from here on. */
function point(fold: Fold, entry: EntryOf<"point">, doubtful: boolean): Effect {
  const { backup } = fold;
  if (backup?.id !== entry.session) return fenced(entry.session, "backup");
  if (fold.points.has(entry.point)) return ignore(`there is a point ${entry.point} already`);
  const dateDoubtful = doubtful || backup.dateDoubtful;
  const unseen = { volumes: null, shown: [], checkedAt: null, hurt: false };
  const state = { ...recordOf(entry), seq: entry.seq, deleted: null, dateDoubtful, ...unseen };
  return changes({ points: fold.points.with(entry.point, state), backup: null });
}

function recordOf(entry: EntryOf<"point">): PointRecord {
  const { session, point, capturedAt, consistency, base, disks, body } = entry;
  const { readBytes, newBytes, storedBytes, unreadableBytes } = entry;
  const counts = { readBytes, newBytes, storedBytes, unreadableBytes };
  return { session, point, capturedAt, consistency, base, disks, body, ...counts };
}

function deleted(fold: Fold, entry: EntryOf<"deleted">): Effect {
  const { seq, by, reason } = entry;
  const state = fold.points.get(entry.point);
  if (state === undefined) return gone(entry.point);
  if (state.deleted !== null) return ignore(`point ${entry.point} is deleted already, by entry ${state.deleted.seq}`);
  if (by === "rule" && fold.clock.doubtfulSinceSeq !== null) return waits(fold);
  // By a clock that is behind, the time for second thoughts would be over before it began.
  const at = later(entry.at, fold.clock.trustedAt);
  return changes({ points: fold.points.with(entry.point, { ...state, deleted: { seq, at, by, reason } }) });
}

function later(a: string, b: string): string {
  return Temporal.Instant.compare(a, b) < 0 ? b : a;
}

function undeleted(fold: Fold, entry: EntryOf<"undeleted">): Effect {
  const state = fold.points.get(entry.point);
  if (state === undefined) return gone(entry.point);
  if (state.deleted?.seq !== entry.deletion) return otherDeletion(entry.point, entry.deletion);
  return changes({ points: fold.points.with(entry.point, { ...state, deleted: null }) });
}

/** The only way out for a point. It cannot be taken back, so it waits while a clock is in doubt. */
function purged(fold: Fold, entry: EntryOf<"purged">): Effect {
  const state = fold.points.get(entry.point);
  if (fold.maintenance?.id !== entry.session) return fenced(entry.session, "maintenance");
  if (state === undefined) return gone(entry.point);
  if (state.deleted?.seq !== entry.deletion) return otherDeletion(entry.point, entry.deletion);
  if (fold.backup?.base === entry.point) return ignore(`point ${entry.point} is the base of session ${fold.backup.id}`);
  if (fold.clock.doubtfulSinceSeq !== null) return waits(fold);
  return changes({ points: fold.points.without(entry.point) });
}

/** Each item counts by itself: `from` must be current, `to` the session's own, and the segment finished. */
function replaced(fold: Fold, { session, disk, items }: EntryOf<"replaced">): Effect {
  if (!isOpen(fold, session)) return ignore(`session ${session} is not open`);
  const generations = new Map<SegmentKey, GenerationId>();
  const damage = new Map<SegmentKey, SlotRanges | undefined>();
  const ignored: string[] = [];
  for (const { kind, segment, from, to, heals, drops } of items) {
    const key = segmentKey(disk, kind, segment);
    const current = generations.get(key) ?? currentGeneration(fold, disk, kind, segment);
    if (from !== current) ignored.push(`${key}: ${from} was replaced by ${current} before`);
    else if (to === firstGeneration || sessionOfGeneration(segment, to) !== session) {
      ignored.push(`${key}: ${to} is not named after session ${session}`);
    } else if (isOpen(fold, sessionOfSegment(segment))) ignored.push(`${key}: its session is still open`);
    else {
      generations.set(key, to);
      const bad = damage.get(key) ?? fold.damaged.get(key);
      if (bad === undefined) continue;
      const left = withoutSlots(bad, [...heals, ...(drops ?? [])]);
      damage.set(key, left.length === 0 ? undefined : left);
    }
  }
  return {
    change: { generations: fold.generations.withAll(generations), damaged: fold.damaged.withAll(damage) },
    ignored,
  };
}

/** Damage is of one generation: what was found in an older one says nothing about the one that replaced it. */
function damaged(fold: Fold, { disk, items }: EntryOf<"damaged">): Effect {
  const damage = new Map<SegmentKey, SlotRanges>();
  const ignored: string[] = [];
  for (const { kind, segment, generation, slots } of items) {
    const key = segmentKey(disk, kind, segment);
    if (generation !== currentGeneration(fold, disk, kind, segment)) {
      ignored.push(`${key}: ${generation} is not the current generation`);
    } else damage.set(key, uniteSlots(damage.get(key) ?? fold.damaged.get(key) ?? [], slots));
  }
  return { change: { damaged: fold.damaged.withAll(damage) }, ignored };
}

/**
 * Nothing will ever reach these segments again, and their objects go. The writer has seen to that: an item is not looked at here
 * but for its session.
 */
function swept(fold: Fold, { session, disk, items }: EntryOf<"swept">): Effect {
  if (fold.maintenance?.id !== session) return fenced(session, "maintenance");
  const keys: SegmentKey[] = [];
  const ignored: string[] = [];
  for (const [kind, segment] of items) {
    const key = segmentKey(disk, kind, segment);
    if (isOpen(fold, sessionOfSegment(segment))) ignored.push(`${key}: its session is still open`);
    else keys.push(key);
  }
  return {
    change: { generations: fold.generations.withoutAll(keys), damaged: fold.damaged.withoutAll(keys) },
    ignored,
  };
}

/** A person looked at the dates. The walk over all points is no cost: this happens a few times in a log's life. */
function clockConfirmed(fold: Fold): Effect {
  const doubted = [...fold.points].filter(([, state]) => state.dateDoubtful);
  const points = fold.points.withAll(doubted.map(([id, state]) => [id, { ...state, dateDoubtful: false }]));
  const certain = (session: OpenSession | null): OpenSession | null => session && { ...session, dateDoubtful: false };
  return changes({ points, backup: certain(fold.backup), maintenance: certain(fold.maintenance) });
}

function isOpen(fold: Fold, session: SessionId): boolean {
  return fold.backup?.id === session || fold.maintenance?.id === session;
}

function fenced(session: SessionId, lane: Lane): Effect {
  return ignore(`session ${session} is not the open ${lane} session`);
}

function otherDeletion(point: PointId, deletion: number): Effect {
  return ignore(`entry ${deletion} is not what deletes point ${point}`);
}

function waits(fold: Fold): Effect {
  return ignore(`the clock is in doubt since entry ${fold.clock.doubtfulSinceSeq}, and no person has confirmed it`);
}

function isDoubtful(fold: Fold, entry: Entry): boolean {
  if (entry.type === "clock") return false;
  const trustedAt = Temporal.Instant.from(fold.clock.trustedAt);
  return judgeClock({ trustedAt, now: Temporal.Instant.from(entry.at) }) !== "ok";
}

function clockAfter(clock: ClockState, entry: Entry, doubtful: boolean): ClockState {
  if (entry.type === "clock") return { trustedAt: entry.at, doubtfulSinceSeq: null };
  if (doubtful) return { ...clock, doubtfulSinceSeq: clock.doubtfulSinceSeq ?? entry.seq };
  const older = Temporal.Instant.compare(entry.at, clock.trustedAt) <= 0;
  return older ? clock : { ...clock, trustedAt: entry.at };
}

/** The one with the higher number; of two with the same number the one that the log named first. */
function newerKeyring(a: KeyringRef, { generation, hash }: KeyringRef): KeyringRef {
  return generation > a.generation ? { generation, hash } : a;
}
