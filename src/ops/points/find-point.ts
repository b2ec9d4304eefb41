import { LockstepError } from "#errors/errors.ts";
import { machineNamed } from "#ops/machines/machines.ts";
import type { Machines } from "#ops/machines/machines.ts";
import { nearNames } from "#policy/near-names.ts";
import { matchPoints, parsePointName, pointNames } from "#policy/point-names.ts";
import type { NamedPoint, PointRef } from "#policy/point-names.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** A point that somebody named. */
export type FoundPoint = {
  readonly log: Log;
  readonly point: PointState;
  /** How to name it to people: see `pointNames`. */
  readonly name: string;
};

/**
 * Which points dates and "latest" mean first. A date means one of the others where none of these fits it; "latest" and a
 * bare machine's name never do. An id means whatever point has it.
 */
export type Prefer = "live" | "deleted";

type Candidate = NamedPoint & { readonly log: Log; readonly state: PointState };

/**
 * Finds the one point that a name means: `web01`, `web01@latest`, `web01@2026-11-23`, `web01@2026-11-23T14:05`, the start
 * of its id alone or after `web01@`. Dates are read in the machine's time zone. For a machine's name the start of its id
 * may stand.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: no such form; NAME_UNKNOWN; NAME_AMBIGUOUS: it fits several points or machines;
 *   why the machine's log cannot be opened
 */
export function findPoint(machines: Machines, text: string, prefer: Prefer = "live"): FoundPoint {
  const ref = parsePointName(text);
  const log = machineOf(machines, ref);
  const found = log === null ? byIdAlone(machines, ref) : ofMachine(log, ref, prefer);
  const [first, another] = found;
  if (first === undefined) throw unknown(machines, ref, text, log, prefer);
  if (another !== undefined) throw ambiguous(text, found);
  return { log: first.log, point: first.state, name: nameOfPoint(first.log, first.state) };
}

/** The name under which to show a point of a machine. */
export function nameOfPoint(log: Log, point: PointState): string {
  return namesOfPoints(log).get(point.point) ?? `${log.fold.machine.name}@${point.point}`;
}

/** The names under which to show all points of a machine, deleted ones too, by id. */
export function namesOfPoints(log: Log): ReadonlyMap<string, string> {
  return pointNames(candidates(log, "all"), log.fold.machine.timeZone);
}

/** Null: the text can only be the start of a point's id. */
function machineOf(machines: Machines, ref: PointRef): Log | null {
  const word = ref.kind === "word" ? ref.word : ref.machine;
  const names = new Set(machines.logs.map(({ fold }) => fold.machine.name));
  const isUnread = machines.faults.some(({ machine, name }) => name === word || machine === word);
  if (names.has(word) || isUnread) return machineNamed(machines, word);
  const byId = /^[0-9a-f]{4,32}$/i.test(word)
    ? machines.logs.filter(({ machine }) => machine.startsWith(word.toLowerCase()))
    : [];
  const [log, another] = byId;
  if (another !== undefined) {
    throw new LockstepError("NAME_AMBIGUOUS", `the ids of several machines start with ${word}`, {
      hint: `Write more of it: ${byId.map((each) => `${each.machine} (${each.fold.machine.name})`).join(", ")}.`,
    });
  }
  if (log !== undefined) return log;
  if (ref.kind === "word" && ref.idPrefix !== null) return null;
  const near = nearNames(word, [...names]);
  throw new LockstepError("NAME_UNKNOWN", `there is no machine ${word}`, { hint: unknownHint(machines, near) });
}

function unknownHint({ faults }: Machines, near: readonly string[]): string {
  if (faults.length > 0) {
    const unread = faults.map(({ machine, name, error }) => `${name ?? machine} (${error.message})`).join("; ");
    return `It may be one whose log cannot be read: ${unread}`;
  }
  return near.length > 0 ? `Did you mean ${near.join(", ")}?` : "`lockstep machine list` shows all machines.";
}

function ofMachine(log: Log, ref: PointRef, prefer: Prefer): readonly Candidate[] {
  const { name, timeZone } = log.fold.machine;
  // The ref may call the machine by its id; its points go by the name.
  const own: PointRef = ref.kind === "word" ? { kind: "latest", machine: name } : { ...ref, machine: name };
  const match = (which: Prefer | "all"): readonly Candidate[] =>
    matchPoints(own, { machines: new Set([name]), points: candidates(log, which) }, timeZone);
  if (own.kind === "id") return match("all");
  const preferred = match(prefer);
  return preferred.length > 0 || own.kind === "latest" ? preferred : match("all");
}

function byIdAlone({ logs }: Machines, ref: PointRef): readonly Candidate[] {
  const points = logs.flatMap((log) => candidates(log, "all"));
  return matchPoints(ref, { machines: new Set(), points }, "UTC");
}

function candidates(log: Log, which: Prefer | "all"): readonly Candidate[] {
  const machine = log.fold.machine.name;
  const found: Candidate[] = [];
  for (const state of log.fold.points.values()) {
    if (which !== "all" && (state.deleted === null) !== (which === "live")) continue;
    found.push({ id: state.point, machine, at: Temporal.Instant.from(state.capturedAt), log, state });
  }
  return found;
}

function unknown(machines: Machines, ref: PointRef, text: string, log: Log | null, prefer: Prefer): LockstepError {
  if (log === null) {
    const names = machines.logs.map(({ fold }) => fold.machine.name);
    return new LockstepError("NAME_UNKNOWN", `there is no machine ${text}, and no point whose id starts with it`, {
      hint: unknownHint(machines, nearNames(text, names)),
    });
  }
  const { name } = log.fold.machine;
  const isNewest = ref.kind === "word" || ref.kind === "latest";
  const deleted = candidates(log, "deleted").length;
  return new LockstepError("NAME_UNKNOWN", `machine ${name} has no ${isNewest ? `${prefer} point` : `point ${text}`}`, {
    hint:
      deleted === 0 || !isNewest
        ? `\`lockstep point list ${name}\` shows its points.`
        : `\`lockstep point list ${name} --deleted\` shows ${deleted} that are deleted and not purged yet.`,
  });
}

function ambiguous(text: string, found: readonly Candidate[]): LockstepError {
  const shown = found.slice(0, 8).map(({ id, log, state }) => `${id} (${nameOfPoint(log, state)})`);
  const more = found.length > shown.length ? ` and ${found.length - shown.length} more` : "";
  return new LockstepError("NAME_AMBIGUOUS", `${text} fits ${found.length} points`, {
    hint: `Write more of the id: ${shown.join(", ")}${more}.`,
  });
}
