import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { idParser } from "#cli/program/options.ts";

const holdId = idParser({ of: "a hold", shownBy: "`lockstep key needed-by VERSION` has those of what holds it." });

/** `key release HOLD` */
export const define: Define = (command, run) => {
  command
    .argument("<hold>", "its id, as `key hold` said it", holdId)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key release 3f6b0f3e8d0c4a529d0c6f1f3c1f9b11", "nothing of it is left that needs the version"]],
        ["0 released", "66 there is no such hold"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, hold: string) => {
        await (await keySide("custodian")).call("key.release", { hold }, signal);
        output.print(`The hold ${hold} is ended.`);
        output.finish({ hold });
        return exitCodes.done;
      }),
    );
};
