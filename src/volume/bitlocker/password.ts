import { isUtf8, transcode } from "node:buffer";

import { Secret } from "#bytes/secret.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * What a password is hashed to before it is stretched: SHA-256 twice, of its UTF-16LE.
 *
 * @param text  as typed, UTF-8, not normalised
 * @throws {LockstepError} SECRET_INVALID: it is not UTF-8
 * @see libbde, "BDE format", section "User key"
 */
export function passwordHash(text: Secret): Secret {
  if (!isUtf8(text.bytes)) {
    throw new LockstepError("SECRET_INVALID", "BitLocker password: it is not text in UTF-8");
  }
  // Not through a string, which could not be wiped.
  using utf16 = new Secret(text.bytes.length === 0 ? new Uint8Array() : transcode(text.bytes, "utf8", "utf16le"));
  using once = new Secret(sha256(utf16.bytes));
  return new Secret(sha256(once.bytes));
}
