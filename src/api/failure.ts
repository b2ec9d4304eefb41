import * as z from "zod";

import { LockstepError, codes } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";

/** The body of an answer that is a failure. */
export const failure = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }),
});
export type Failure = z.infer<typeof failure>;

export function failureOf({ code, message, hint }: LockstepError): Failure {
  return { error: { code, message, hint: hint ?? null } };
}

/** The error that a failure was made of; null for a code that is not known here, such as that of a bug. */
export function errorOf({ error: { code, message, hint } }: Failure): LockstepError | null {
  if (!Object.hasOwn(codes, code)) return null;
  return new LockstepError(code as ErrorCode, message, { hint: hint ?? undefined });
}
