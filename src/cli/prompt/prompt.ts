import type { EventEmitter } from "node:events";

import password from "@inquirer/password";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";

/** Where a person is asked: standard input, and standard error so that a result on standard output stays clean. */
export type Terminal = {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
};

/** How often two entries that differ are asked for anew. */
const attempts = 3;

/**
 * Asks a person for a passphrase, which is not shown.
 *
 * JavaScript cannot wipe the text that was typed: only the process's end does. The `Secret` is a copy.
 *
 * @param options.message  what it is for, such as `Passphrase of /backup/vault`
 * @param options.repeat   ask twice, for a passphrase that is being set
 * @throws {LockstepError} ARGUMENT_INVALID: input is no terminal, or what was typed twice differs again and again;
 *   CANCELLED: Ctrl-C, Ctrl-D or `signal`
 */
export async function askPassphrase(
  terminal: Terminal,
  options: { readonly message: string; readonly repeat: boolean },
  signal: AbortSignal,
): Promise<Secret> {
  if (terminal.input.isTTY !== true) {
    throw new LockstepError("ARGUMENT_INVALID", "a passphrase is needed, and standard input is no terminal to ask at", {
      hint: "Name a file that holds it with --passphrase-file or LOCKSTEP_PASSPHRASE_FILE.",
    });
  }
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const first = await ask(terminal, options.message, signal);
    if (!options.repeat) return new Secret(utf8(first));
    const second = await ask(terminal, "The same again", signal);
    if (first === second) return new Secret(utf8(first));
    terminal.output.write("They differ.\n");
  }
  throw new LockstepError("ARGUMENT_INVALID", "the passphrase and its repetition differ", {
    hint: "Nothing was changed. Run the command again, or use --passphrase-file.",
  });
}

async function ask({ input, output }: Terminal, message: string, signal: AbortSignal): Promise<string> {
  // The prompt itself does not notice Ctrl-D: it would neither answer nor fail.
  const ended = new AbortController();
  const onKey = (_: unknown, key?: { ctrl?: boolean; name?: string }): void => {
    if (key?.ctrl === true && key.name === "d") ended.abort();
  };
  const keys: EventEmitter = input;
  keys.on("keypress", onKey);
  try {
    return await password(
      { message, toggleMask: false, validate: (typed) => typed !== "" || "It cannot be empty." },
      { input, output, signal: AbortSignal.any([signal, ended.signal]) },
    );
  } catch (error) {
    const isStop = error instanceof Error && ["AbortPromptError", "ExitPromptError"].includes(error.name);
    if (!isStop) throw error;
    throw new LockstepError("CANCELLED", "asking for the passphrase was stopped", { cause: error });
  } finally {
    keys.off("keypress", onKey);
  }
}
