import { z } from "zod";

import { fromBase64, fromHex } from "#bytes/text.ts";

/** Fields that the JSON objects of the keyring are made of. Each refuses every spelling but the one that we write. */

/** Exactly `length` bytes as lower-case hex. */
export function hexField(length: number): z.ZodType<Uint8Array, string> {
  return z.string().transform((text, context) => {
    const bytes = text.length === 2 * length && text === text.toLowerCase() ? fromHex(text) : null;
    if (bytes !== null) return bytes;
    context.addIssue(`is not ${length} bytes as lower-case hex`);
    return z.NEVER;
  });
}

/** From `least` to `most` bytes as standard base64 with padding. */
export function base64Field(least: number, most: number = least): z.ZodType<Uint8Array, string> {
  return z.string().transform((text, context) => {
    const bytes = fromBase64(text);
    if (bytes !== null && bytes.length >= least && bytes.length <= most) return bytes;
    context.addIssue(`is not ${least === most ? least : `${least} to ${most}`} bytes as base64`);
    return z.NEVER;
  });
}

/** An id of 16 bytes as 32 lower-case hex digits. */
export function idField<Id extends string>(): z.ZodType<Id, string> {
  return z.string().transform((text, context) => {
    if (/^[0-9a-f]{32}$/.test(text)) return text as Id;
    context.addIssue("is not an id (32 hex digits)");
    return z.NEVER;
  });
}

/** A moment, such as `2026-11-23T14:05:00Z`. */
export const instantField: z.ZodType<Temporal.Instant, string> = z.string().transform((text, context) => {
  try {
    if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text)) return Temporal.Instant.from(text);
  } catch {
    // named below: no such day or time
  }
  context.addIssue("is not a date and time in UTC");
  return z.NEVER;
});

/** What `safeParse` found wrong, in one line that names the fields: at most three of them. */
export function problemsOf(error: z.ZodError): string {
  const some = error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  return some.join("; ").slice(0, 500);
}
