import { createInterface } from "node:readline/promises";

import type { Terminal } from "#cli/prompt/prompt.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * Asks a person for a line, which is shown as it is typed: for what is long, and read from paper.
 *
 * @returns  without spaces around it; may be empty
 * @throws {LockstepError} ARGUMENT_INVALID: input is no terminal; CANCELLED: Ctrl-C, Ctrl-D or `signal`
 */
export async function askLine({ input, output }: Terminal, question: string, signal: AbortSignal): Promise<string> {
  if (input.isTTY !== true) {
    throw new LockstepError("ARGUMENT_INVALID", `nobody can be asked: ${question.trim().replace(/:$/, "")}`, {
      hint: "Standard input is no terminal. Give the answer by an option: see --help.",
    });
  }
  const lines = createInterface({ input, output, terminal: true, historySize: 0 });
  const ended = new AbortController();
  lines.once("close", () => ended.abort());
  lines.once("SIGINT", () => ended.abort());
  try {
    return (await lines.question(question, { signal: AbortSignal.any([signal, ended.signal]) })).trim();
  } catch (error) {
    if (!signal.aborted && !ended.signal.aborted) throw error;
    throw new LockstepError("CANCELLED", "asking was stopped", { cause: error });
  } finally {
    lines.close();
  }
}
