import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { parseWhenOrNever } from "#cli/output/when.ts";
import { versionState } from "#cli/shown/shown-version.ts";
import { LockstepError } from "#errors/errors.ts";

type Options = {
  readonly enable?: true;
  readonly disable?: true;
  readonly activates?: string | null;
  readonly expires?: string | null;
  readonly note?: string;
};

/** `key set VERSION` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1")
    .option("--enable", "it may be used")
    .option("--disable", "it may not be used, until it is enabled again")
    .option("--activates <when>", "not to be used before this day or instant; or never", parseWhenOrNever)
    .option("--expires <when>", "when it should have been rolled over; or never", parseWhenOrNever)
    .option("--note <text>", "what people should know of it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key set web01/v1 --expires 2027-12-31", ""],
          ["lockstep key set web01/v1 --disable", "refused while something needs it"],
        ],
        ["0 changed", "75 something needs the version"],
      ),
    )
    .action(
      run(
        async (
          { output, signal, keySide, now },
          text: string,
          { enable, disable, activates, expires, note }: Options,
        ) => {
          if (enable === true && disable === true) {
            throw new LockstepError(
              "ARGUMENT_INVALID",
              "changing a version: --enable and --disable exclude each other",
            );
          }
          const change = {
            enabled: enable ?? (disable === true ? false : undefined),
            activatesAt: activates,
            expiresAt: expires,
            note,
          };
          if (Object.values(change).every((value) => value === undefined)) {
            throw new LockstepError("ARGUMENT_INVALID", "changing a version: nothing says how", {
              hint: "Give one of --enable, --disable, --activates, --expires and --note.",
            });
          }
          const client = await keySide("custodian");
          const { version } = await client.call("key.set", { version: text, ...change }, signal);
          output.print(`${version.name}: ${versionState(version, now())}`);
          output.finish({ version });
          return exitCodes.done;
        },
      ),
    );
};
