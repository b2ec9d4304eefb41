import { LockstepError } from "#errors/errors.ts";

/**
 * Parses a day or an instant: `2033-12-31`, which begins at midnight in UTC, or `2033-12-31T18:00+01:00`.
 *
 * @returns  RFC 3339 in UTC
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export function parseWhen(text: string): string {
  try {
    const instant = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00Z` : text;
    return Temporal.Instant.from(instant).toString();
  } catch (error) {
    throw new LockstepError("ARGUMENT_INVALID", `"${text}" is neither a day nor an instant`, {
      hint: "Write 2033-12-31, or 2033-12-31T18:00Z.",
      cause: error,
    });
  }
}

/** As `parseWhen`; `never` gives null. @throws {LockstepError} ARGUMENT_INVALID */
export function parseWhenOrNever(text: string): string | null {
  return text === "never" ? null : parseWhen(text);
}

/** The day of an instant in UTC, for a person: `2033-12-31`. */
export function dayOf(instant: string): string {
  return instant.slice(0, 10);
}
