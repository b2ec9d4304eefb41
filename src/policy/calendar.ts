import { periodKinds, periodOf } from "#policy/periods.ts";
import type { PeriodKind } from "#policy/periods.ts";

/** A day of a calendar, and the names of the periods that it lies in: see `periodOf`. */
export type CalendarDay = { readonly date: Temporal.PlainDate; readonly periods: Readonly<Record<PeriodKind, string>> };

/** A time during which a zone's offset from UTC stays the same. */
type Stretch = { readonly fromMs: number; readonly toMs: number; readonly offsetMs: number };

const dayMs = 86_400_000;

/**
 * The local dates and times of one time zone. It remembers offsets and days, since asking Temporal for each of thousands
 * of points takes longer than everything else that is done with them.
 */
export class Calendar {
  readonly #timeZone: string;
  readonly #stretches: Stretch[] = [];
  readonly #days = new Map<number, CalendarDay>();

  /** @param timeZone  an IANA name, as `parseTimeZone` gives it */
  constructor(timeZone: string) {
    this.#timeZone = timeZone;
  }

  /** Local date and time to the second, such as `2026-11-23T14:05:09`. */
  textOf(at: Temporal.Instant): string {
    return isoText(this.#localMs(at)).slice(0, -".000Z".length);
  }

  /** The local day that an instant lies in. */
  dayOf(at: Temporal.Instant): CalendarDay {
    const number = Math.floor(this.#localMs(at) / dayMs);
    let day = this.#days.get(number);
    if (day === undefined) {
      const date = Temporal.PlainDate.from(isoText(number * dayMs).split("T")[0] ?? "");
      day = { date, periods: periodsOf(date) };
      this.#days.set(number, day);
    }
    return day;
  }

  /** Milliseconds since 1970, had local clocks shown UTC. */
  #localMs(at: Temporal.Instant): number {
    const ms = at.epochMilliseconds;
    const known = this.#stretches.find(({ fromMs, toMs }) => fromMs <= ms && ms < toMs) ?? this.#stretchAt(ms);
    return ms + known.offsetMs;
  }

  #stretchAt(ms: number): Stretch {
    const at = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(this.#timeZone);
    const stretch = {
      fromMs: at.add({ milliseconds: 1 }).getTimeZoneTransition("previous")?.epochMilliseconds ?? -Infinity,
      toMs: at.getTimeZoneTransition("next")?.epochMilliseconds ?? Infinity,
      offsetMs: at.offsetNanoseconds / 1_000_000,
    };
    this.#stretches.push(stretch);
    return stretch;
  }
}

function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

function periodsOf(date: Temporal.PlainDate): CalendarDay["periods"] {
  const names = periodKinds.map((kind) => [kind, periodOf(kind, date)] as const);
  return Object.fromEntries(names) as Record<PeriodKind, string>;
}
