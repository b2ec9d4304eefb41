/** The kinds of calendar periods that a keep rule counts in. */
export type PeriodKind = "daily" | "weekly" | "monthly" | "yearly";

/** From the finest to the coarsest. */
export const periodKinds = ["daily", "weekly", "monthly", "yearly"] as const satisfies readonly PeriodKind[];

/**
 * The name of the period that a date lies in: `2026-11-20`, `2026-W47`, `2026-11` or `2026`.
 *
 * A week is an ISO 8601 week and belongs to its ISO year: 2027-01-01 lies in 2026-W53.
 */
export function periodOf(kind: PeriodKind, date: Temporal.PlainDate): string {
  const day = date.toString();
  switch (kind) {
    case "daily":
      return day;
    case "weekly":
      return `${date.yearOfWeek}-W${String(date.weekOfYear).padStart(2, "0")}`;
    case "monthly":
      return day.slice(0, -3);
    case "yearly":
      return day.slice(0, -6);
  }
}

/** The first day after the period that a date lies in. */
export function firstDayAfter(kind: PeriodKind, date: Temporal.PlainDate): Temporal.PlainDate {
  switch (kind) {
    case "daily":
      return date.add({ days: 1 });
    case "weekly":
      return date.add({ days: 8 - date.dayOfWeek });
    case "monthly":
      return date.with({ day: 1 }).add({ months: 1 });
    case "yearly":
      return date.with({ month: 1, day: 1 }).add({ years: 1 });
  }
}
