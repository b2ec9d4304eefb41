import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import type { ErrorCode, Kind } from "#errors/errors.ts";

/** What is told of something that was thrown. */
export type ErrorReport = {
  readonly code: ErrorCode | "BUG";
  readonly kind: Kind | "bug";
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
  /** Where a bug came from, with its causes; undefined for failures that are meant. */
  readonly stack: string | undefined;
};

/**
 * What to tell of anything thrown. A LockstepError speaks for itself, the abort of a signal is CANCELLED, and all else
 * is a bug.
 */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof LockstepError) {
    const { code, kind, message, hint } = error;
    return { code, kind, message, hint, exitCode: exitCodes[kind], stack: undefined };
  }
  if (error instanceof Error && error.name === "AbortError") {
    return reportOf(new LockstepError("CANCELLED", "stopped before it was done", { cause: error }));
  }
  return {
    code: "BUG",
    kind: "bug",
    message: `this is a bug in Lockstep: ${String(error)}`,
    hint: "Please report it, with the lines above and what you did.",
    exitCode: exitCodes.bug,
    stack: stackOf(error),
  };
}

/** Stacks only, of the error and its causes: other properties of an error may hold anything, secrets too. */
function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const stack = error.stack ?? String(error);
  const cause = error.cause === undefined ? undefined : (stackOf(error.cause) ?? messageOf(error.cause));
  return cause === undefined ? stack : `${stack}\ncaused by ${cause}`;
}

/** The lines for a person. They may hold unseen characters; whoever shows them makes those visible. */
export function errorLines({ code, message, hint, stack }: ErrorReport): string[] {
  return [
    `error: ${message} [${code}]`,
    ...(stack?.split("\n").map((line) => `  ${line}`) ?? []),
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
  ];
}
