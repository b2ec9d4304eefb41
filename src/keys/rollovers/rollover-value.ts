import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { generateValue } from "#keys/versions/new-value.ts";

/**
 * Makes the value that takes the place of another one of its kind. A key file gets the text of a generated passphrase, so that it can
 * be typed where the file is not at hand.
 *
 * @throws {LockstepError} VOLUME_UNSUPPORTED: such a protector is made by Windows alone, or a volume has one at most, so that there
 *   would be a moment without a way in
 */
export function newRolloverValue(kind: ValueKind, format: Binding["volumeFormat"], random: Random): Secret {
  if (format === "bitlocker") {
    if (kind === "recovery-password") return newRecoveryPassword(random);
    throw new LockstepError("VOLUME_UNSUPPORTED", `rolling over a ${kind} of BitLocker: ${whyNotOfBitlocker(kind)}`, {
      hint: "Add a recovery password in Windows, store and bind it, and remove the old protector then.",
    });
  }
  return generateValue("passphrase", random);
}

function whyNotOfBitlocker(kind: ValueKind): string {
  return kind === "passphrase" ? "a volume has one password at most" : "Windows makes it, and takes none that is given";
}

/** Eight groups of six digits, each 11 times a random number of 16 bits; as Windows writes them. @see parseRecoveryPassword */
function newRecoveryPassword(random: Random): Secret {
  const bytes = random(16);
  const { buffer, byteOffset } = bytes;
  const view = new DataView(buffer, byteOffset);
  const groups = Array.from({ length: 8 }, (_, group) => String(11 * view.getUint16(2 * group)).padStart(6, "0"));
  bytes.fill(0);
  return new Secret(utf8(groups.join("-")));
}
