import type { Kind } from "#errors/errors.ts";

/** Every status that `lockstep` exits with. docs/exit-codes.md describes each; a test keeps the two equal. */
export const exitCodes = {
  done: 0,
  /** `status`: everything could be looked at, and something needs a person. */
  attention: 2,
  /** Done, and what came of it is not green: a torn point, sectors that could not be read. */
  notGreen: 3,
  invalid: 64,
  corrupt: 65,
  missing: 66,
  unsupported: 69,
  bug: 70,
  conflict: 75,
  unavailable: 75,
  denied: 77,
  cancelled: 130,
} as const satisfies Record<Kind, number> & Record<string, number>;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
