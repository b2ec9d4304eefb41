import { LockstepError } from "#errors/errors.ts";

/**
 * Checks the name of a time zone, such as `Europe/Berlin` or `UTC`, and gives it in its usual spelling.
 *
 * A fixed offset (`+01:00`) is refused: it would move days and months away from the wall clock twice a year.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: not a name in the IANA time zone database
 */
export function parseTimeZone(text: string): string {
  const unknown = new LockstepError("ARGUMENT_INVALID", `"${text}" is not a time zone`, {
    hint: "Use a name from the IANA time zone database, such as Europe/Berlin or UTC.",
  });
  if (!/^[A-Za-z]/.test(text)) throw unknown;
  try {
    return new Temporal.ZonedDateTime(0n, text).timeZoneId;
  } catch (error) {
    if (error instanceof RangeError) throw unknown;
    throw error;
  }
}
