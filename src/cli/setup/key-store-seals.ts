import { resolve } from "node:path";

import type { App, NewKeyStore } from "#cli/app/app.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { LockstepError } from "#errors/errors.ts";

/** What opens a new key store after a restart. */
export type SealOptions = { readonly keyStoreOpens?: string; readonly keyStorePassphraseFile?: string };

/**
 * What options say, else what somebody at the terminal answers: a key file of this host, where nobody says otherwise.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: no such way; a passphrase is needed, and nobody can be asked; KEY_FILE_INVALID: this host
 *   can keep no credential; and what
 *   `readPassphraseFile` and `askNewPassphrase` throw
 */
export async function keyStoreSeals(app: App, options: SealOptions): Promise<Pick<NewKeyStore, "seals" | "host">> {
  const { keyStorePassphraseFile: file } = options;
  const how = options.keyStoreOpens ?? (file === undefined ? await askHow(app) : "passphrase");
  if (how === "credential" && !(await app.canKeepCredentials())) throw noCredentials();
  if (how === "key-file" || how === "credential") return { seals: [], host: how };
  if (how !== "passphrase") {
    throw new LockstepError("ARGUMENT_INVALID", `"${how}" is nothing that a key store opens by`, {
      hint: "Write key-file, passphrase or credential.",
    });
  }
  const secret =
    file === undefined
      ? await app.askNewPassphrase("Passphrase of the key store")
      : await readPassphraseFile(
          resolve(app.host.workingFolder, file),
          (warning) => app.output.warn(warning),
          app.signal,
        );
  return { seals: [{ label: "passphrase", secret: { kind: "passphrase", secret } }], host: null };
}

function noCredentials(): LockstepError {
  return new LockstepError("KEY_FILE_INVALID", "this host cannot keep a credential for the key store", {
    hint: "`systemd-creds encrypt - -` says why; it wants root. Let a key file or a passphrase open the key store.",
  });
}

async function askHow({ host, output, askLine, canKeepCredentials }: App): Promise<string> {
  if (!host.stdinIsTerminal) return "key-file";
  const hasCredentials = await canKeepCredentials();
  output.print(
    "How does the key store open after a restart?",
    "  key-file    by itself, with a file of this host (0600); whoever is this user can open it",
    "  passphrase  when somebody types it; until then, points are amber",
    ...(hasCredentials
      ? ["  credential  by itself, with what this host's TPM or systemd's own key seals; on no other host"]
      : []),
  );
  const answer = await askLine(`key-file${hasCredentials ? ", credential" : ""} or passphrase [key-file]: `);
  return answer === "" ? "key-file" : answer;
}
