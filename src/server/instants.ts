/** Milliseconds since 1970 as the API writes instants: RFC 3339 in UTC. */
export function instantText(ms: number): string {
  return Temporal.Instant.fromEpochMilliseconds(ms).toString();
}

/** @see instantText */
export function instantTextOrNull(ms: number | null): string | null {
  return ms === null ? null : instantText(ms);
}

/** Milliseconds since 1970 of an instant as the API writes it. */
export function msOf(text: string): number {
  return Temporal.Instant.from(text).epochMilliseconds;
}

/** @see msOf */
export function msOrNull(text: string | null): number | null {
  return text === null ? null : msOf(text);
}
