/** Something that needs a version. Instants are milliseconds since 1970. */
export type Need = {
  readonly kind: "point" | "quarantined point" | "live volume" | "newly retired" | "untried" | "hold" | "silent vault";
  /** The vault's name; null where it is of none. */
  readonly vault: string | null;
  /** `web01@2026-11-23T14:05`, or what else needs it, in words. */
  readonly what: string;
  readonly point: string | null;
  /** A hold's id. */
  readonly hold: string | null;
  readonly capturedMs: number | null;
  /** A forecast; it frees nothing. Null: none, or until somebody ends it. */
  readonly expectedUntilMs: number | null;
};

/** Why a version may not be destroyed: all that decides it. */
export type NeedFacts = {
  readonly points: {
    /** Of which reports still speak. */
    readonly live: number;
    /** That fell out of reports, or of a vault that was retired. */
    readonly quarantined: number;
    /** The most counted days that one of these has left. */
    readonly daysLeft: number;
    /** The latest of the live ones; null where one has no end in sight. */
    readonly expectedUntilMs: number | null;
  };
  /** Live volumes that it opens, in words. */
  readonly liveVolumes: readonly string[];
  /** Counted days that are left of those for which a retired version is kept; 0: none, or it is in use. */
  readonly retiredDaysLeft: number;
  /** Volumes of points that nothing opens, and that it was never tried on. */
  readonly untried: number;
  readonly holds: readonly { readonly why: string; readonly heldBy: string; readonly expectedUntilMs: number | null }[];
  /** Vaults whose present content is unknown, and why, in words. */
  readonly silentVaults: readonly { readonly name: string; readonly why: string }[];
};

/**
 * Why a version may not be destroyed, in words that follow a name and a colon; null when it may. No date is looked at: a
 * forecast is shown, and frees nothing. docs/needs.md has the table of all cases.
 */
export function refusalOf(facts: NeedFacts): string | null {
  const reasons = [
    ...pointReasons(facts.points),
    ...listed(facts.liveVolumes, (names) => `it opens ${names}, as far as is known`),
    ...(facts.retiredDaysLeft > 0
      ? [`it was retired lately and is kept for ${counted(facts.retiredDaysLeft, "counted day")} more`]
      : []),
    ...(facts.untried > 0
      ? [`nothing opens ${counted(facts.untried, "volume")} of recovery points, and it was not tried there`]
      : []),
    ...facts.holds.map(({ why, heldBy, expectedUntilMs }) => `${heldBy} holds it${until(expectedUntilMs, "")}: ${why}`),
    ...facts.silentVaults.map(({ name, why }) => `what the vault ${name} holds is not known: ${why}`),
  ];
  return reasons.length === 0 ? null : reasons.join("; ");
}

function pointReasons({ live, quarantined, daysLeft, expectedUntilMs }: NeedFacts["points"]): string[] {
  const gone = quarantined === 1 ? "that no report has any more needs it" : "that no report has any more need it";
  return [
    ...(live > 0
      ? [
          `${counted(live, "recovery point")} ${live === 1 ? "needs" : "need"} it` +
            until(expectedUntilMs, live === 1 ? ", until somebody deletes it" : ", until somebody deletes them"),
        ]
      : []),
    ...(quarantined > 0
      ? [`${counted(quarantined, "recovery point")} ${gone} for ${counted(daysLeft, "counted day")} more`]
      : []),
  ];
}

function until(ms: number | null, none: string): string {
  return ms === null ? none : `, expected until ${dayText(ms)}`;
}

/** The day of an instant in UTC: `2033-12-31`. */
function dayText(ms: number): string {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO("UTC").toPlainDate().toString();
}

/** `1 recovery point`, `2 recovery points`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** At most three names, and how many more. */
function listed(names: readonly string[], sentence: (names: string) => string): string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, 3).join(", ");
  return [sentence(names.length > 3 ? `${shown} and ${names.length - 3} more` : shown)];
}
