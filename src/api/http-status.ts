import type { Kind } from "#errors/errors.ts";

/** The HTTP status of a failure; docs/key-side.md has the table. */
export const httpStatus: Readonly<Record<Kind, number>> = {
  invalid: 400,
  denied: 403,
  missing: 404,
  conflict: 409,
  corrupt: 500,
  unsupported: 501,
  unavailable: 503,
  cancelled: 499,
};
