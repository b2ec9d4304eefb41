import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { LockstepError } from "#errors/errors.ts";

/** `keystore serve` */
export const define: Define = (command, run) => {
  command
    .option("--until-idle <seconds>", "end when nobody asked for so long", parseSeconds)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep keystore serve", "until it is stopped; as a service does"],
          ["lockstep keystore serve --until-idle 300", "as other commands start it"],
        ],
        ["0 it ended as it should", "66 there is no key store", "75 another process serves it"],
      ),
    )
    .action(
      run(async ({ serveKeySide, output }, { untilIdle }: { readonly untilIdle?: number }) => {
        let socket: string | null = null;
        const end = await serveKeySide({
          untilIdleMs: untilIdle === undefined ? null : untilIdle * 1000,
          listening: (path) => {
            socket = path;
            output.note(`The key side answers at ${path}.`);
          },
        });
        output.finish({ socket, end });
        return exitCodes.done;
      }),
    );
};

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a number of seconds`);
}
