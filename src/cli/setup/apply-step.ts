import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { shellWord } from "#bytes/shell-word.ts";
import { replaceFile } from "#cli/files/durable-file.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { systemPath } from "#ops/setup/setup-found.ts";
import type { SetupStep } from "#ops/setup/setup-plan.ts";

const execute = promisify(execFile);

/**
 * Does a step of a setup.
 *
 * @throws {LockstepError} SYSTEM_CALL_FAILED: in the words of what was run
 */
export async function applyStep({ why, act }: SetupStep): Promise<void> {
  try {
    if (act.kind === "write") return await replaceFile(act.path, act.text, 0o644);
    const [program, ...words] = act.words;
    await execute(program, words, { env: { PATH: systemPath, LC_ALL: "C" } });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new LockstepError("SYSTEM_CALL_FAILED", `${stepText(act)} failed: ${said || messageOf(error)}`, {
      hint: `It was for this: ${why}. What was done before stays; the same command goes on from there.`,
      cause: error,
    });
  }
}

/** A step as a shell would be told it; of a file, its name. */
export function stepText(act: SetupStep["act"]): string {
  return act.kind === "write" ? `write ${act.path}` : act.words.map(shellWord).join(" ");
}
