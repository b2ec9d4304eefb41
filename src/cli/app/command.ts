import type { Command } from "commander";

import type { App } from "#cli/app/app.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";

/** What a command does: gets its arguments, then its options, as it declared them. */
export type Action<Given extends readonly unknown[]> = (app: App, ...given: Given) => Promise<ExitCode>;

/** Makes of an action what commander calls. */
export type Run = <Given extends readonly unknown[]>(action: Action<Given>) => (...given: unknown[]) => Promise<void>;

/** Declares a command: arguments, options, help, and its action. Each file in `commands` exports one as `define`. */
export type Define = (command: Command, run: Run) => void;

/**
 * The end of a command's help.
 *
 * @param examples  command lines, each with what it is for; the latter may be empty
 * @param exits     what exit codes mean here, beside those of failures
 */
export function helpEnd(
  examples: readonly (readonly [line: string, what: string])[],
  exits: readonly string[],
): string {
  const width = Math.max(...examples.map(([line, what]) => (what === "" ? 0 : line.length)));
  return [
    "",
    "Examples:",
    ...examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`.trimEnd()),
    "",
    "Exit codes:",
    ...exits.map((exit) => `  ${exit}`),
    "  64 and above when it failed: docs/exit-codes.md",
  ].join("\n");
}
