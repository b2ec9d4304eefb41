import { Option } from "commander";

import type { Expectation } from "#cli/app/app.ts";
import { emptyPath } from "#cli/files/place.ts";
import { LockstepError } from "#errors/errors.ts";

/** `--expect`, of commands that read one machine. Its value is for `OpenVault.machine`. */
export function expectOption(): Option {
  return new Option(
    "--expect <seq:hash>",
    "refuse the machine's log unless it has this entry; `any` takes an older copy of the vault as the right one",
  ).argParser(parseExpectation);
}

/** @throws {LockstepError} ARGUMENT_INVALID */
export function parseExpectation(text: string): Expectation {
  if (text === "any") return "any";
  const [, seq, hash] = /^([1-9]\d{0,9}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not an entry of a log`, {
    hint: "Write its number and hash, as `lockstep machine show` gives them, or any.",
  });
}

/**
 * Parses an interval: `24h`, `90m`, `7d`.
 *
 * @returns  hours
 * @throws {LockstepError} ARGUMENT_INVALID: not such an interval, or none between a minute and 366 days
 */
export function parseEvery(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([mhd])$/i.exec(text.trim()) ?? [];
  const hours = Number(number) * ({ m: 1 / 60, h: 1, d: 24 }[unit?.toLowerCase() ?? ""] ?? Number.NaN);
  if (hours >= 1 / 60 && hours <= 24 * 366) return hours;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not an interval`, {
    hint: "Write minutes, hours or days up to 366 days, such as 90m, 24h or 7d.",
  });
}

/** @throws {LockstepError} ARGUMENT_INVALID: it is empty */
export function parsePath(text: string): string {
  if (text === "") throw emptyPath();
  return text;
}

/** Most characters that the log takes as a reason. */
const reasonLimit = 1024;

/** Words for the log. @throws {LockstepError} ARGUMENT_INVALID: too long, or with control characters */
export function parseReason(text: string): string {
  if (text.length <= reasonLimit && !/\p{Cc}/u.test(text)) return text;
  throw new LockstepError("ARGUMENT_INVALID", "the reason is too long, or has control characters", {
    hint: `Write one line of at most ${reasonLimit} characters.`,
  });
}

/** How an id on the command line is read. */
export type IdArgument = {
  /** What has it: `a hold`. */
  readonly of: string;
  /** What shows it, as a sentence. */
  readonly shownBy: string;
  /** Whether the start of it is enough. */
  readonly mayBeCut?: true;
};

/** Makes the parser of an argument that is an id. What it makes throws a LockstepError, ARGUMENT_INVALID, for what cannot be one. */
export function idParser({ of, shownBy, mayBeCut }: IdArgument): (text: string) => string {
  const shape = mayBeCut === true ? /^[0-9a-f]{4,32}$/ : /^[0-9a-f]{32}$/;
  return (text) => {
    if (shape.test(text)) return text;
    throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not the id of ${of}`, { hint: shownBy });
  };
}

/** The argument of commands that do something with an approval. */
export const approvalId = idParser({
  of: "an approval",
  shownBy: "`lockstep approval list` shows them.",
  mayBeCut: true,
});

/** Collects an option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
