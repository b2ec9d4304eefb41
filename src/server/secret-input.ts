import { Secret } from "#bytes/secret.ts";
import { fromBase64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * A secret of a request. The caller wipes it; the request's text stays until it is collected.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: it is no base64
 */
export function secretOf(text: string): Secret {
  const bytes = fromBase64(text);
  if (bytes !== null) return new Secret(bytes);
  throw new LockstepError("ARGUMENT_INVALID", "reading a secret of the request: it is no base64");
}
