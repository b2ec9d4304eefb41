import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { mistypedGroups, newGeneratedSecret } from "#keys/versions/generated-secret.ts";
import { parseStartupKey } from "#volume/bitlocker/bek.ts";
import { parseRecoveryPassword } from "#volume/bitlocker/recovery-password.ts";

/** cryptsetup's limit for key files. */
const LIMIT_BYTES = 8 * 1024 * 1024;

/** A new random value. @throws {LockstepError} ARGUMENT_INVALID: such values are made elsewhere */
export function generateValue(kind: ValueKind, random: Random): Secret {
  if (kind === "passphrase") return new Secret(utf8(newGeneratedSecret(random)));
  throw new LockstepError("ARGUMENT_INVALID", `making a ${kind}: only passphrases are made here`, {
    hint: "Windows makes recovery passwords and startup keys: give the key store what it made.",
  });
}

/**
 * Refuses a value that cannot be what it is said to be, before it is kept for years.
 *
 * @throws {LockstepError} SECRET_INVALID: empty or far too long; a recovery password or startup key that is none; a passphrase
 *   that looks like a generated secret and has mistyped groups. The value is in no message
 */
export function checkValue(kind: ValueKind, value: Secret): void {
  const { length } = value.bytes;
  if (length === 0) throw new LockstepError("SECRET_INVALID", `storing a ${kind}: it is empty`);
  if (length > LIMIT_BYTES) {
    throw new LockstepError("SECRET_INVALID", `storing a ${kind}: it is longer than ${LIMIT_BYTES} bytes`);
  }
  if (kind === "recovery-password") parseRecoveryPassword(value).wipe();
  if (kind === "startup-key") parseStartupKey(value).key.wipe();
  if (kind === "passphrase") refuseMistyped(value);
}

function refuseMistyped(value: Secret): void {
  const wrong = mistypedGroups(textOf(value)) ?? [];
  if (wrong.length === 0) return;
  throw new LockstepError(
    "SECRET_INVALID",
    `storing a passphrase: it has the form of a generated secret, and is mistyped in group ${wrong.join(", ")} of 13`,
    { hint: "Type it again. If it is right as it is, store it as a key file: these open the same keyslots." },
  );
}

/** Empty where it is no text. */
function textOf({ bytes }: Secret): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return "";
  }
}
