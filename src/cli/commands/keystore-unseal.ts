import { base64 } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { readSealSecret } from "#cli/prompt/seal-secret.ts";

/** `keystore unseal` */
export const define: Define = (command, run) => {
  command
    .option("--passphrase-file <file>", "its passphrase, from this file; without an option, it is asked for")
    .option("--key-file <file>", "a key file that opens it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep keystore unseal", "asks for the passphrase"],
          ["lockstep keystore unseal --key-file /media/stick/key-store.key", ""],
        ],
        ["0 it is open", "77 that does not open it"],
      ),
    )
    .action(
      run(async (app, options: { readonly passphraseFile?: string; readonly keyFile?: string }) => {
        // The parser gives options that all commands have to the program, not to the command that declares them too.
        const { passphraseFile, keyFile } = { ...app.flags, ...options };
        const files = { passphraseFile, keyFile };
        const { kind, secret } = await readSealSecret(app, files, () =>
          app.askPassphrase("The passphrase of the key store"),
        );
        using _wiped = secret;
        const client = await app.keySide("custodian");
        await client.call("store.unseal", { kind, secret: base64(secret.bytes) }, app.signal);
        app.output.print("The key store is open.");
        app.output.finish({ sealed: false });
        return exitCodes.done;
      }),
    );
};
