import { LockstepError } from "#errors/errors.ts";
import { Calendar } from "#policy/calendar.ts";
import { isMachineName } from "#policy/names.ts";
import { newestFirst } from "#policy/order.ts";
import type { DatedPoint } from "#policy/order.ts";

/** A recovery point of a machine, as names see it. */
export type NamedPoint = DatedPoint & { readonly machine: string };

/** What somebody typed to name a point. */
export type PointRef =
  /**
   * One word: the newest point of the machine of that name; where there is no such machine, points whose id starts with
   * it. Only `matchPoints` can tell: `db01` is a fine name and a fine id prefix. `idPrefix` is null where it is no id.
   */
  | { readonly kind: "word"; readonly word: string; readonly idPrefix: string | null }
  | { readonly kind: "latest"; readonly machine: string }
  /** The newest point within a day, minute or second: those whose local date and time starts with `prefix`. */
  | { readonly kind: "time"; readonly machine: string; readonly prefix: string }
  | { readonly kind: "id"; readonly machine: string; readonly idPrefix: string };

/** A local date, with hour and minute, and seconds, all of them in range as text; the day is checked apart. */
const localTime = /^(\d{4}-\d{2}-\d{2})(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)?$/;
const idPrefix = /^[0-9a-f]{4,32}$/i;

/**
 * Parses what people type for a point: `web01`, `web01@latest`, `web01@2019-03-01`, `web01@2026-11-23T14:05`, the same
 * with seconds, `web01@` and the start of its id, or the start of its id alone (4 hex digits or more).
 *
 * Does not look whether there is such a machine or point: see `matchPoints`.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: none of these forms
 */
export function parsePointName(text: string): PointRef {
  const at = text.indexOf("@");
  const machine = at < 0 ? text : text.slice(0, at);
  if (!isMachineName(machine)) throw notAPoint(text, `"${machine}" cannot be the name of a machine`);
  if (at < 0) return { kind: "word", word: text, idPrefix: idPrefix.test(text) ? text.toLowerCase() : null };

  const when = text.slice(at + 1);
  if (when === "latest") return { kind: "latest", machine };
  const day = localTime.exec(when)?.[1];
  if (day !== undefined) {
    if (!isDay(day)) throw notAPoint(text, `there is no day ${day}`);
    return { kind: "time", machine, prefix: when };
  }
  if (idPrefix.test(when)) return { kind: "id", machine, idPrefix: when.toLowerCase() };
  throw notAPoint(text, `"${when}" is neither a date nor the start of an id`);
}

function isDay(text: string): boolean {
  try {
    Temporal.PlainDate.from(text);
    return true;
  } catch {
    return false;
  }
}

function notAPoint(text: string, why: string): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `"${text}" does not name a recovery point: ${why}`, {
    hint: "Write web01, web01@latest, web01@2026-11-23, web01@2026-11-23T14:05, or 4 or more digits of its id.",
  });
}

/**
 * Finds the points that a name means. Whether none or several are an error is for the caller to say: only names by id
 * can match several, and then they are ordered newest first.
 *
 * @param known.machines  the names of all machines, those without a point too: a machine's name is never taken for an id
 * @param timeZone        an IANA name: where the dates in names are read; of a repeated hour the later one is meant
 */
export function matchPoints<Point extends NamedPoint>(
  ref: PointRef,
  known: { readonly machines: ReadonlySet<string>; readonly points: readonly Point[] },
  timeZone: string,
): readonly Point[] {
  const calendar = new Calendar(timeZone);
  const of = (machine: string) => known.points.filter((point) => point.machine === machine);
  switch (ref.kind) {
    case "word":
      if (known.machines.has(ref.word)) return newestOf(of(ref.word));
      return ref.idPrefix === null ? [] : byId(known.points, ref.idPrefix);
    case "latest":
      return newestOf(of(ref.machine));
    case "time":
      return newestOf(of(ref.machine).filter(({ at }) => calendar.textOf(at).startsWith(ref.prefix)));
    case "id":
      return byId(of(ref.machine), ref.idPrefix);
  }
}

function newestOf<Point extends NamedPoint>(points: readonly Point[]): readonly Point[] {
  return points.toSorted(newestFirst).slice(0, 1);
}

function byId<Point extends NamedPoint>(points: readonly Point[], prefix: string): readonly Point[] {
  return points.filter(({ id }) => id.startsWith(prefix)).toSorted(newestFirst);
}

/**
 * The names under which to show points, by id: `web01@2026-11-23T14:05`, with seconds where a machine has several points
 * in that minute, with the whole id where even that is not enough. `matchPoints` finds exactly that point by each.
 *
 * @param points  all points of the machines concerned, since the others decide how exact a name must be
 */
export function pointNames(points: readonly NamedPoint[], timeZone: string): ReadonlyMap<string, string> {
  const calendar = new Calendar(timeZone);
  const toSecond = ({ machine, at }: NamedPoint): string => `${machine}@${calendar.textOf(at)}`;
  const minutes = points.map((point) => toSecond(point).slice(0, -":00".length));
  const inMinute = counted(minutes);
  // Most minutes have one point, so seconds matter for few.
  const crowded = points.filter((_, index) => inMinute.get(minutes[index] ?? "") !== 1);
  const inSecond = counted(crowded.map(toSecond));
  const names = new Map(points.map(({ id }, index) => [id, minutes[index] ?? ""]));
  for (const point of crowded) {
    const second = toSecond(point);
    names.set(point.id, inSecond.get(second) === 1 ? second : `${point.machine}@${point.id}`);
  }
  return names;
}

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
