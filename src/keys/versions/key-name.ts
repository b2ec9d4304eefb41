import { LockstepError } from "#errors/errors.ts";

const keyName = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/;

/**
 * Checks the name of a key that is being made, such as `web01` or `web01.root.3`: up to 200 letters, digits, `.`, `_`, `+` and
 * `-`, with a letter or digit first. So `web01/v1` names a version and nothing else.
 *
 * @throws {LockstepError} ARGUMENT_INVALID
 */
export function parseKeyName(text: string): string {
  if (keyName.test(text)) return text;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" cannot be the name of a key`, {
    hint: "Use letters, digits, '.', '_', '+' and '-', with a letter or digit first, at most 200 of them.",
  });
}
