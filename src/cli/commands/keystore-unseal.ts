import { base64 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { readSealSecret } from "#cli/prompt/seal-secret.ts";
import type { KeyClient } from "#client/key-client.ts";

/** `keystore unseal` */
export const define: Define = (command, run) => {
  command
    .option("--passphrase-file <file>", "its passphrase, from this file")
    .option("--key-file <file>", "a key file that opens it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep keystore unseal", "asks for the passphrase; where none opens it, takes this host's key file"],
          ["lockstep keystore unseal --key-file /media/stick/key-store.key", ""],
        ],
        ["0 it is open", "77 that does not open it"],
      ),
    )
    .action(
      run(async (app, options: { readonly passphraseFile?: string; readonly keyFile?: string }) => {
        // The parser gives options that all commands have to the program, not to the command that declares them too.
        const { passphraseFile, keyFile } = { ...app.flags, ...options };
        const client = await app.keySide("custodian");
        const isNamed = passphraseFile !== undefined || keyFile !== undefined;
        const files = { passphraseFile, keyFile: isNamed ? keyFile : await ownKeyFile(client, app) };
        const { kind, secret } = await readSealSecret(app, files, () =>
          app.askPassphrase("The passphrase of the key store"),
        );
        using _wiped = secret;
        await client.call("store.unseal", { kind, secret: base64(secret.bytes) }, app.signal);
        app.output.print("The key store is open.");
        app.output.finish({ sealed: false });
        return exitCodes.done;
      }),
    );
};

/** This host's key file, where the key store has no passphrase that could be asked for; else undefined. */
async function ownKeyFile(
  client: KeyClient,
  { config, signal }: Pick<App, "config" | "signal">,
): Promise<string | undefined> {
  const kinds = (await client.call("store.show", {}, signal)).seals.map(({ kind }) => kind);
  return !kinds.includes("passphrase") && kinds.includes("key-file") ? config.keysKeyFile.value : undefined;
}
