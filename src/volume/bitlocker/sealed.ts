import { createDecipheriv } from "node:crypto";

import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { keyOf, parseEntries, valueType } from "#volume/bitlocker/entries.ts";
import type { Sealed } from "#volume/bitlocker/entries.ts";

/**
 * Opens what BitLocker seals keys with: AES-256-CCM (RFC 3610) with a nonce of 12 and a tag of 16 bytes, no associated data.
 *
 * @param key  32 bytes
 * @returns    the plaintext; null when key, nonce, tag or any byte is not what was sealed
 */
export function openSealed({ nonce, tag, ciphertext }: Sealed, key: Secret): Secret | null {
  const decipher = createDecipheriv("aes-256-ccm", key.bytes, nonce, { authTagLength: tag.length });
  decipher.setAuthTag(tag);
  try {
    const plain = new Secret(decipher.update(ciphertext));
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

/**
 * The key in what `openSealed` gave: an entry of value type "key".
 *
 * @param what  for the message: `BitLocker protector …`
 * @returns     a copy, and the method that it is for
 * @throws {LockstepError} HEADER_CORRUPT: what was sealed is no key
 */
export function sealedKey(opened: Secret, what: string): { readonly method: number; readonly key: Secret } {
  let found: { readonly method: number; readonly key: Uint8Array } | null = null;
  try {
    const [entry, ...others] = parseEntries(opened.bytes, what);
    if (entry?.value === valueType.key && others.length === 0) found = keyOf(entry);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error; // its message names sizes of what is secret: it goes no further
  }
  if (found === null) throw new LockstepError("HEADER_CORRUPT", `${what}: what is sealed there is no key`);
  return { method: found.method, key: new Secret(Uint8Array.from(found.key)) };
}
