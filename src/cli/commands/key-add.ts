import { Option } from "commander";

import type { VersionFacts } from "#api/values.ts";
import type { Secret } from "#bytes/secret.ts";
import { base64 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { parseWhen } from "#cli/output/when.ts";
import { readKeyValue } from "#cli/steps/key-value.ts";
import { kindWords } from "#cli/shown/shown-version.ts";
import { LockstepError } from "#errors/errors.ts";

type Kind = VersionFacts["kind"];

type Options = {
  readonly kind: Kind;
  readonly valueFile?: string;
  readonly generate?: true;
  readonly note: string;
  readonly activates?: string;
  readonly expires?: string;
};

/** `key add NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the key; it is made where it is not there")
    .addOption(new Option("--kind <kind>", "what its value is").choices(Object.keys(kindWords)).default("passphrase"))
    .option("--value-file <file>", "the value; without an option it is asked for")
    .option("--generate", "make a passphrase of 256 random bits")
    .option("--note <text>", "what people should know of it", "")
    .option("--activates <when>", "not to be used before this day or instant", parseWhen)
    .option("--expires <when>", "when it should have been rolled over", parseWhen)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key add web01", "asks for a passphrase"],
          ["lockstep key add web01 --generate", "nobody sees it, until it is revealed"],
          ["lockstep key add dc01 --kind recovery-password --value-file dc01.txt", ""],
        ],
        ["0 stored", "64 the value cannot be what it is said to be", "75 the key store is sealed"],
      ),
    )
    .action(
      run(async (app, name: string, options: Options) => {
        const { output, signal } = app;
        using given = await valueOf(app, name, options);
        const client = await app.keySide("custodian");
        const { version } = await client.call(
          "key.add",
          {
            name,
            kind: options.kind,
            value: given === null ? null : base64(given.bytes),
            note: options.note,
            activatesAt: options.activates ?? null,
            expiresAt: options.expires ?? null,
          },
          signal,
        );
        output.print(
          `${version.name}: a ${kindWords[version.kind]} was ${given === null ? "made and stored" : "stored"}.`,
        );
        output.note(`Next, try it on the disk that it opens: \`lockstep key bind ${version.name} DISK\``);
        output.finish({ version });
        return exitCodes.done;
      }),
    );
};

/** Null: the key side makes one. */
async function valueOf(app: App, name: string, { kind, valueFile, generate }: Options): Promise<Secret | null> {
  if (generate === true && valueFile !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "storing a key: --generate and --value-file are two values");
  }
  if (generate === true) return null;
  return readKeyValue(app, kind, valueFile, () => app.askNewPassphrase(`The ${kindWords[kind]} of ${name}`));
}
