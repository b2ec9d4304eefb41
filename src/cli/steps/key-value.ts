import type { VersionFacts } from "#api/values.ts";
import type { Secret } from "#bytes/secret.ts";
import type { App } from "#cli/app/app.ts";
import { readSecret } from "#cli/headers/volume-options.ts";
import type { SecretFlags } from "#cli/headers/volume-options.ts";
import { kindWords } from "#cli/shown/shown-version.ts";
import { LockstepError } from "#errors/errors.ts";

type Kind = VersionFacts["kind"];

/**
 * Reads the value of a version from a file, or asks for it.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: it cannot be typed; and what reading the file and `ask` throw
 */
export async function readKeyValue(
  app: App,
  kind: Kind,
  valueFile: string | undefined,
  ask: () => Promise<Secret>,
): Promise<Secret> {
  if (valueFile !== undefined) {
    const secret = await readSecret({ host: app.host, flags: {} }, { [fileOptions[kind]]: valueFile });
    if (secret.kind !== "none") return secret.secret;
  }
  if (kind === "key-file" || kind === "startup-key") {
    throw new LockstepError("ARGUMENT_INVALID", `storing a ${kindWords[kind]}: it cannot be typed`, {
      hint: "Name the file with --value-file.",
    });
  }
  return ask();
}

/** By which option of volumes' secrets a file of each kind is read. */
const fileOptions: Readonly<Record<Kind, keyof SecretFlags>> = {
  passphrase: "passphraseFile",
  "key-file": "keyFile",
  "recovery-password": "recoveryPasswordFile",
  "startup-key": "startupKey",
};
