import { LockstepError } from "#errors/errors.ts";

const machineName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const diskName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

const rule = "Use letters, digits, '.', '_' and '-', with a letter or digit first";

/** True for text that can be a machine's name. */
export function isMachineName(text: string): boolean {
  return machineName.test(text);
}

/**
 * Checks a machine's name: up to 64 letters, digits, `.`, `_` and `-`, with a letter or digit first.
 *
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export function parseMachineName(text: string): string {
  if (isMachineName(text)) return text;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" cannot be the name of a machine`, {
    hint: `${rule}, at most 64 of them.`,
  });
}

/**
 * Checks a disk's name: up to 32 letters, digits, `.`, `_` and `-`, with a letter or digit first.
 *
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export function parseDiskName(text: string): string {
  if (diskName.test(text)) return text;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" cannot be the name of a disk`, {
    hint: `${rule}, at most 32 of them.`,
  });
}
