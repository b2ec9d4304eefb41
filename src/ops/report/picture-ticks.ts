import type { Span } from "#ops/report/picture-rows.ts";

/** A mark on the axis of time. */
export type Tick = { readonly atMs: number; readonly label: string };

/** The most marks that have room for their labels. */
const MOST = 14;

/** Steps from one mark to the next, the smallest first; those of months start with January. */
const steps = [
  { days: 1 },
  { days: 2 },
  { days: 7 },
  { months: 1 },
  { months: 3 },
  { months: 6 },
  { years: 1 },
  { years: 2 },
  { years: 5 },
  { years: 10 },
  { years: 50 },
] as const;

/** The marks of the axis in UTC: days, or the firsts of months or years, as many as have room. */
export function axisTicks(span: Span): readonly Tick[] {
  for (const step of steps) {
    const ticks = ticksOf(span, step);
    if (ticks.length <= MOST) return ticks;
  }
  return [];
}

function ticksOf({ fromMs, toMs }: Span, step: (typeof steps)[number]): Tick[] {
  const ticks: Tick[] = [];
  const { year, month, day } = Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO("UTC");
  let at = new Temporal.PlainDate(year, "days" in step ? month : 1, "days" in step ? day : 1);
  if ("years" in step) at = at.with({ year: year - (year % step.years) });
  while (ticks.length <= MOST) {
    const { epochMilliseconds } = at.toZonedDateTime("UTC");
    if (epochMilliseconds > toMs) break;
    if (epochMilliseconds >= fromMs) ticks.push({ atMs: epochMilliseconds, label: labelOf(at, step) });
    at = at.add(step);
  }
  return ticks;
}

function labelOf(at: Temporal.PlainDate, step: (typeof steps)[number]): string {
  const text = at.toString();
  if ("days" in step) return text;
  return text.slice(0, "months" in step ? 7 : 4);
}
