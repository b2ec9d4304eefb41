import { basename, resolve } from "node:path";

import type { SealFacts } from "#api/store.ts";
import { base64 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readOrCreateKeyFile } from "#cli/files/key-files.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { readSealSecret } from "#cli/prompt/seal-secret.ts";
import type { GivenSealSecret } from "#cli/prompt/seal-secret.ts";
import { sealWords } from "#cli/shown/shown-seal.ts";
import { LockstepError } from "#errors/errors.ts";

type Options = {
  readonly newPassphraseFile?: string;
  readonly newKeyFile?: string;
  readonly thisHost?: true;
  readonly label?: string;
};

/** `keystore unlock add` */
export const define: Define = (command, run) => {
  command
    .option("--new-passphrase-file <file>", "a passphrase, from this file; without an option, it is asked for")
    .option("--new-key-file <file>", "a key file; made where it is not there")
    .option("--this-host", "a key file of this host, so that the key store opens by itself")
    .option("--label <text>", "what to call it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep keystore unlock add --label 'the safe'", "asks for a passphrase"],
          ["lockstep keystore unlock add --this-host", "opens it when the host starts"],
        ],
        ["0 added", "75 there is one of that name or secret already, or the key store is sealed"],
      ),
    )
    .action(
      run(async (app, options: Options) => {
        const { label, keyFile, ...given } = await newSeal(app, options);
        using secret = given.secret;
        const client = await app.keySide("custodian");
        const input = { kind: given.kind, label, secret: base64(secret.bytes) };
        const { seal }: { seal: SealFacts } = await client.call("store.addSeal", input, app.signal);
        app.output.print(`Added ${JSON.stringify(seal.label)} (${sealWords[seal.kind]}). It opens the key store.`);
        if (keyFile !== null) app.output.print(`Keep the key file ${keyFile} from others.`);
        app.output.finish({ unlockWay: seal, keyFile });
        return exitCodes.done;
      }),
    );
};

/** Its label, its secret, and the key file where it is one. */
async function newSeal(
  app: App,
  { newPassphraseFile, newKeyFile, thisHost, label }: Options,
): Promise<GivenSealSecret & { readonly label: string; readonly keyFile: string | null }> {
  const { host, random, output, config } = app;
  if ([newPassphraseFile, newKeyFile, thisHost].filter((option) => option !== undefined).length > 1) {
    throw new LockstepError("ARGUMENT_INVALID", "adding an unlock way: several of its kinds are named", {
      hint: "Give one of --new-passphrase-file, --new-key-file and --this-host.",
    });
  }
  const file = thisHost === true ? config.keysKeyFile.value : newKeyFile;
  if (file === undefined) {
    const ask = () => app.askNewPassphrase("The new passphrase of the key store");
    const given = await readSealSecret(app, { passphraseFile: newPassphraseFile, keyFile: undefined }, ask);
    return { ...given, label: label ?? "passphrase", keyFile: null };
  }
  const keyFile = resolve(host.workingFolder, file);
  const { key } = await readOrCreateKeyFile(keyFile, random, (warning) => output.warn(warning));
  const name = label ?? (thisHost === true ? `host ${host.name}` : `key file ${basename(keyFile)}`);
  return { kind: "key-file", secret: key, label: name, keyFile };
}
