import type { ShownVersion } from "#api/keys.ts";
import type { RolloverFacts } from "#api/rollover.ts";
import type { BindingFacts } from "#api/values.ts";
import { LockstepError } from "#errors/errors.ts";

/** What is replaced, and how far that is. */
export type RolloverTarget = {
  /** Of the version and volume; the first where there are several. */
  readonly binding: BindingFacts;
  /** Null: it is not begun. */
  readonly underWay: RolloverFacts | null;
};

export type TargetWish = {
  /** A key or one version of it. */
  readonly name: string;
  /** As the vault names them; null: the only one. */
  readonly disk: string | null;
  readonly volume: string | null;
  /** Only what is under way. */
  readonly begunOnly: boolean;
};

/**
 * Which version on which volume somebody means.
 *
 * @param versions   of the key, or the one that is named
 * @param rollovers  all
 * @throws {LockstepError} NOT_BOUND: nothing that it opens is live; NAME_UNKNOWN: nothing of it is under way, or it opens no such disk or
 *   volume; NAME_AMBIGUOUS
 */
export function chooseTarget(
  wish: TargetWish,
  versions: readonly ShownVersion[],
  rollovers: readonly RolloverFacts[],
): RolloverTarget {
  const names = new Set(versions.map(({ version }) => version.name));
  const underWay = rollovers.filter(
    ({ endedAt, oldVersion, newVersion }) => endedAt === null && (names.has(oldVersion) || names.has(newVersion)),
  );
  const unfinished = new Set(underWay.map(({ newVersion }) => newVersion));
  const begun = new Set(underWay.map(({ binding }) => ofVolume(binding)));
  const live = versions
    .filter(
      ({ version: { name, deletedAt, destroyedAt } }) =>
        deletedAt === null && destroyedAt === null && !unfinished.has(name),
    )
    .flatMap(({ bindings }) => bindings.filter((each) => each.retiredAt === null && !begun.has(ofVolume(each))));
  const idle = [
    ...new Map(
      withoutReplaced(live)
        .toReversed()
        .map((each) => [ofVolume(each), each]),
    ).values(),
  ].toReversed();
  const targets: RolloverTarget[] = [
    ...underWay.map((rollover) => ({ binding: rollover.binding, underWay: rollover })),
    ...(wish.begunOnly ? [] : idle.map((binding) => ({ binding, underWay: null }))),
  ];
  const meant = targets.filter(
    ({ binding: { place } }) => isOf(wish.disk, place?.disk) && isOf(wish.volume, place?.volume),
  );
  if (meant.length === 0 && targets.length > 0) throw elsewhere(wish, targets);
  return only(wish, meant);
}

/** Without what was bound at a place before a version was bound there to another volume: it was re-encrypted in between. */
function withoutReplaced(bindings: readonly BindingFacts[]): readonly BindingFacts[] {
  const isReplacedBy = (old: BindingFacts, other: BindingFacts): boolean =>
    old.volumeIdentity !== other.volumeIdentity &&
    old.place !== null &&
    other.place !== null &&
    placeWords(old.place) === placeWords(other.place) &&
    Temporal.Instant.compare(old.boundAt, other.boundAt) < 0;
  return bindings.filter((old) => !bindings.some((other) => isReplacedBy(old, other)));
}

/** It was bound under other names than those that somebody wrote. */
function elsewhere(wish: TargetWish, targets: readonly RolloverTarget[]): LockstepError {
  const known = targets.map(({ binding }) => targetWords(binding)).join("; ");
  return new LockstepError("NAME_UNKNOWN", `rolling over ${wishWords(wish)}: the key side knows it as ${known}`, {
    hint: "Give --disk and --volume as it knows them, or leave them out.",
  });
}

/** All protectors of a volume that a version opens are replaced together. */
function ofVolume({ version, volumeIdentity }: BindingFacts): string {
  return `${version} on ${volumeIdentity}`;
}

function isOf(wanted: string | null, found: string | undefined): boolean {
  return wanted === null || wanted === found;
}

function wishWords({ name, disk, volume }: TargetWish): string {
  const where = [disk, volume].filter((each) => each !== null).join(", ");
  return where === "" ? name : `${name} on ${where}`;
}

function only(wish: TargetWish, targets: readonly RolloverTarget[]): RolloverTarget {
  const [target, another] = targets;
  const what = wishWords(wish);
  if (target === undefined && wish.begunOnly) {
    throw new LockstepError("NAME_UNKNOWN", `rolling over ${what}: nothing is under way`, {
      hint: "Begin it: `lockstep key rollover NAME`.",
    });
  }
  if (target === undefined) {
    throw new LockstepError("NOT_BOUND", `rolling over ${what}: it opens no live volume, as far as is known`, {
      hint: "`lockstep key show` says which versions open what now; `lockstep key match DISK` finds and binds the one that opens a disk.",
    });
  }
  if (another === undefined) return target;
  throw new LockstepError(
    "NAME_AMBIGUOUS",
    `rolling over ${what}: it opens ${targets.length} volumes, and nothing says which`,
    {
      hint: `Name the version, or give --disk and --volume: ${targets.map(({ binding }) => targetWords(binding)).join("; ")}.`,
    },
  );
}

/** `web01/v1 on root, disk, of web01`. */
function targetWords({ version, place, volumeUuid }: BindingFacts): string {
  return `${version} on ${place === null ? (volumeUuid ?? "a volume") : placeWords(place)}`;
}

function placeWords({ machine, disk, volume }: NonNullable<BindingFacts["place"]>): string {
  return `${disk}, ${volume}, of ${machine}`;
}
