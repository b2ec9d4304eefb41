import { resolve } from "node:path";

import type { Command } from "commander";

import type { App, NewKeyStore } from "#cli/app/app.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { LockstepError } from "#errors/errors.ts";

/** What opens a new key store after a restart. */
export type SealOptions = { readonly keyStoreOpens?: string; readonly keyStorePassphraseFile?: string };

/** What asking takes. */
type Asking = Pick<App, "host" | "output" | "signal" | "askLine" | "askNewPassphrase" | "canKeepCredentials">;

/** Declares what opens a new key store. */
export function sealOptions(command: Command): Command {
  return command
    .option(
      "--key-store-opens <how>",
      "after a restart: key-file (of this host), credential (of its TPM or systemd) or passphrase",
    )
    .option("--key-store-passphrase-file <file>", "the passphrase that opens the key store");
}

/**
 * What options say, else what somebody at the terminal answers: a key file of this host, where nobody says otherwise.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: no such way; a passphrase is needed, and nobody can be asked; KEY_FILE_INVALID: this host
 *   can keep no credential; and what
 *   `readPassphraseFile` and `askNewPassphrase` throw
 */
export async function keyStoreSeals(app: Asking, options: SealOptions): Promise<Pick<NewKeyStore, "seals" | "host">> {
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

/** Wipes what opens a new key store at the end of its making, however that ends. */
export function wipedAtEnd({ seals }: Pick<NewKeyStore, "seals">): Disposable {
  const secrets = new DisposableStack();
  for (const { secret } of seals) secrets.use(secret.secret);
  return secrets;
}

function noCredentials(): LockstepError {
  return new LockstepError("KEY_FILE_INVALID", "this host cannot keep a credential for the key store", {
    hint: "`systemd-creds encrypt - -` says why; it wants root. Let a key file or a passphrase open the key store.",
  });
}

/** What is none of them is asked for again. */
async function askHow({ host, output, askLine, canKeepCredentials }: Asking): Promise<string> {
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
  const ways = ["key-file", ...(hasCredentials ? ["credential"] : []), "passphrase"];
  for (;;) {
    const answer = (await askLine(`${ways.slice(0, -1).join(", ")} or passphrase [key-file]: `)) || "key-file";
    if (ways.includes(answer)) return answer;
    output.print(`"${answer}" is none of them: write one as it stands there, or nothing for key-file.`);
  }
}
