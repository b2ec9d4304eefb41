import type { Command } from "commander";

import { LockstepError } from "#errors/errors.ts";

/** Who gets a share of a kit, and how many of them are needed. */
export type KitOptions = {
  readonly custodians?: string;
  readonly threshold?: string;
  /** Whether check words are asked for. */
  readonly kitCheck: boolean;
};

/** Declares them. */
export function kitOptions(command: Command): Command {
  return command
    .option("--custodians <names>", "who gets a page of the kit, with commas between")
    .option("--threshold <number>", "how many pages are needed; two of several, if nothing is said")
    .option("--no-kit-check", "do not ask for the check words: the pages stay, and the kit counts as not checked");
}

/**
 * The custodians and the threshold that options name: one custodian, where nothing is said; two of several.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: an empty name, one twice, a threshold that is no number
 */
export function parseKitOptions({ custodians, threshold }: Pick<KitOptions, "custodians" | "threshold">): {
  readonly custodians: readonly string[];
  readonly threshold: number;
} {
  const names = (custodians ?? "custodian").split(",").map((name) => name.trim());
  const wrong = names.find((name, at) => name === "" || names.indexOf(name) !== at);
  if (wrong !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", `"${custodians}" does not name custodians: "${wrong}"`, {
      hint: "Write names with commas between, each once, such as anna,boris,chen.",
    });
  }
  const needed = threshold === undefined ? Math.min(2, names.length) : Number(threshold);
  if (!/^[1-9][0-9]{0,2}$/.test(threshold ?? "1") || needed > names.length) {
    throw new LockstepError("ARGUMENT_INVALID", `"${threshold}" of ${names.length} custodians cannot be needed`, {
      hint: "Write a number from 1 up to that of the custodians.",
    });
  }
  return { custodians: names, threshold: needed };
}
