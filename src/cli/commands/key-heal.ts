import { base64 } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { headerOptions, headerToPresent } from "#cli/headers/header-options.ts";
import type { HeaderFlags } from "#cli/headers/header-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { readKeyValue } from "#cli/steps/key-value.ts";
import { kindWords } from "#cli/shown/shown-version.ts";
import { LockstepError } from "#errors/errors.ts";

type Options = HeaderFlags & { readonly valueFile?: string };

/** `key heal VERSION PATH`, `key heal VERSION --point POINT` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1")
    .argument("[path]", "an image or a block device that the value opens")
    .option("--value-file <file>", "the value; without an option it is asked for");
  headerOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key heal web01/v1 /dev/vg/web01", "asks for the value, and tries it on the live header"],
          ["lockstep key heal web01/v1 --point web01@2026-11-23 --value-file old.txt", ""],
        ],
        ["0 it is the value, and is stored", "64 the value is not damaged", "77 it does not open the volume"],
      ),
    )
    .action(
      run(async (app, version: string, path: string | undefined, { valueFile, ...flags }: Options) => {
        const { output, signal, keySide } = app;
        const client = await keySide("custodian");
        const { versions } = await client.call("key.show", { name: version.replace(/\/v[0-9]+$/, "") }, signal);
        const kind = versions.find((each) => each.version.name === version)?.version.kind;
        if (kind === undefined) {
          throw new LockstepError("NAME_UNKNOWN", `healing ${version}: there is no such version`, {
            hint: "Name one in full, such as web01/v1: `lockstep status` names those that are damaged.",
          });
        }
        const { shown, header } = await headerToPresent(app, path, flags);
        using value = await readKeyValue(app, kind, valueFile, () =>
          app.askPassphrase(`The ${kindWords[kind]} of ${version}`),
        );
        const healed = await client.call("key.heal", { version, value: base64(value.bytes), header }, signal);
        output.print(`${shown}: opened by ${healed.version} (${healed.protector}). Its value is stored again.`);
        output.finish(healed);
        return exitCodes.done;
      }),
    );
};
