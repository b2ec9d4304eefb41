import { newestLive } from "#ops/points/newest-live.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { formatDuration } from "#policy/duration.ts";
import type { LightReason } from "#policy/light.ts";
import { overdue } from "#policy/overdue.ts";
import { pointNames } from "#policy/point-names.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";

/** Something about a machine that a person should look at. */
export type Need = {
  readonly kind:
    | "overdue"
    | "torn"
    | "unreadable"
    | "date-doubtful"
    | "damaged"
    | "stalled"
    | "red"
    | "light-lost"
    | "not-opened"
    | "binding-gone"
    | "disk-missing";
  readonly words: string;
  /** What to do about it. */
  readonly hint: string;
};

export type MachineHealth = {
  /** The live point that was logged last; null when there is none. */
  readonly lastPoint: PointState | null;
  /** Points that are not deleted. */
  readonly points: number;
  /** Of the last point; null where there is none. */
  readonly light: PointLight | null;
  /** The key versions that opened its points, those that are deleted too. */
  readonly versions: readonly string[];
  readonly needs: readonly Need[];
};

/** What health is judged by. */
export type HealthTerms = {
  readonly now: Temporal.Instant;
  readonly stalledAfterMs: number;
  readonly hasKeySide: boolean;
};

/**
 * What a machine's log says about its points: is the newest one young, whole and dated, and is nothing damaged? Reads no
 * block: what the log does not know of is for a check to find.
 *
 * A machine that is no longer protected needs attention only where its points are damaged.
 *
 * @param stalledAfterMs  without a sign for so long, an open backup session is taken for dead
 * @param hasKeySide      a key side could open points: then one that it did not open lately needs somebody
 */
export function machineHealth(fold: Fold, { now, stalledAfterMs, hasKeySide }: HealthTerms): MachineHealth {
  const lastPoint = newestLive(fold);
  const lightOf = pointLights(fold, now);
  const light = lastPoint === null ? null : lightOf(lastPoint);
  const needs: Need[] = [];
  const { name } = fold.machine;
  const need = (kind: StatedKind, words: string | null): void => {
    if (words !== null) needs.push({ kind, words, hint: hints[kind](name) });
  };
  if (fold.machine.protected) {
    const lastAt = lastPoint === null ? null : Temporal.Instant.from(lastPoint.capturedAt);
    need("overdue", overdue(lastAt, fold.machine.everyHours, now));
    need(
      "torn",
      lastPoint?.consistency === "torn" ? "the newest point is torn: its disks may have been written to" : null,
    );
    const unread = lastPoint?.unreadableBytes ?? 0;
    need("unreadable", unread > 0 ? `${unread} bytes of the newest point could not be read from the disk` : null);
    need("stalled", stalled(fold, now, stalledAfterMs));
    need("date-doubtful", doubt(fold, lastPoint));
  }
  // Of deleted ones, too: until they are purged they need their versions.
  const lights = [...fold.points.values()].map((state): Lit => ({ state, light: lightOf(state) }));
  const live = lights.filter(({ state }) => state.deleted === null);
  need("red", redWords(fold, live));
  need("light-lost", lostWords(live));
  if (fold.machine.protected && hasKeySide) need("not-opened", light === null ? null : notOpenedWords(light));
  const { size } = fold.damaged;
  need("damaged", size > 0 ? `${size} ${size === 1 ? "segment has" : "segments have"} damaged parts` : null);
  const points = live.length;
  const versions = [...new Set(lights.flatMap((each) => each.light.versions))].sort();
  return { lastPoint, points, light, versions, needs };
}

/** What the log alone tells of. */
type StatedKind = Exclude<Need["kind"], "binding-gone" | "disk-missing">;

/** What to do, by what it is and the machine's name. */
const hints: Readonly<Record<StatedKind, (name: string) => string>> = {
  overdue: (name) => `\`lockstep backup ${name}\``,
  torn: (name) => `\`lockstep backup ${name}\` while it is shut down, or with --snapshot reflink`,
  unreadable: (name) => `\`lockstep point show ${name}\` says which; the disk may be failing`,
  "date-doubtful": (name) => `put the clock right, then \`lockstep machine set ${name} --confirm-clock\``,
  damaged: (name) =>
    `\`lockstep backup ${name}\` heals what its disks still hold, \`lockstep check ${name}\` says what is left`,
  stalled: (name) => `\`lockstep backup ${name}\``,
  red: (name) => `\`lockstep point list ${name}\` shows which, and \`lockstep point show POINT\` why`,
  "light-lost": (name) => `\`lockstep check ${name}\` tries it again`,
  "not-opened": (name) => `\`lockstep check ${name}\` tries the keys`,
};

type Lit = { readonly state: PointState; readonly light: PointLight };

/** The newest is named. Damage has words of its own. */
function redWords({ machine, points }: Fold, lights: readonly Lit[]): string | null {
  const red = lights.flatMap(({ state, light }) => {
    const reason = light.reasons.find(isRedForKeys);
    return reason === undefined ? [] : [{ state, words: reason.words }];
  });
  const newest = red.toSorted((a, b) => b.state.seq - a.state.seq)[0];
  if (newest === undefined) return null;
  const dated = [...points.values()].map(({ point: id, capturedAt }) => {
    return { id, machine: machine.name, at: Temporal.Instant.from(capturedAt) };
  });
  const { point } = newest.state;
  const name = pointNames(dated, machine.timeZone).get(point) ?? point;
  return red.length === 1
    ? `${name} is red: ${newest.words}`
    : `${red.length} points are red, the newest is ${name}: ${newest.words}`;
}

function isRedForKeys({ light, code }: LightReason): boolean {
  return light === "red" && code !== "BYTES_DAMAGED";
}

function lostWords(lights: readonly Lit[]): string | null {
  const lost = lights.flatMap(({ light }) => light.lost);
  const newest = lost.toSorted((a, b) => Temporal.Instant.compare(b.openedAt, a.openedAt))[0];
  if (newest === undefined) return null;
  const more = lost.length === 1 ? "" : `, and ${lost.length - 1} more`;
  return `${newest.where} was opened until ${newest.openedAt.toString().slice(0, 10)}, and is not any more${more}`;
}

function notOpenedWords({ reasons }: PointLight): string | null {
  const codes: readonly LightReason["code"][] = ["NOT_TRIED", "NOT_TRIED_LATELY", "NOT_KNOWN"];
  const reason = reasons.find(({ code }) => codes.includes(code));
  return reason === undefined ? null : `nothing shows that a key opens the newest point: ${reason.words}`;
}

function stalled({ backup }: Fold, now: Temporal.Instant, afterMs: number): string | null {
  if (backup === null) return null;
  const sign = Temporal.Instant.from(backup.checkpoint?.at ?? backup.openedAt);
  const silentMs = now.epochMilliseconds - sign.epochMilliseconds;
  if (silentMs < afterMs) return null;
  return `a backup that ${backup.host} began has given no sign for ${formatDuration(silentMs)}; the next one goes on from there`;
}

function doubt({ clock }: Fold, lastPoint: PointState | null): string | null {
  if (lastPoint?.dateDoubtful !== true && clock.doubtfulSinceSeq === null) return null;
  const since = clock.doubtfulSinceSeq === null ? "" : ` since entry ${clock.doubtfulSinceSeq} of its log`;
  return `dates are in doubt${since}, so nothing is removed by date until a person has confirmed the clock`;
}
