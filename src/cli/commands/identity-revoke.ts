import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `identity revoke NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "as `identity list` shows it")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep identity revoke backup@host2", "its token counts no more, from now on and for good"]],
        ["0 revoked", "66 there is no such identity", "75 it waits for another custodian, or is the last custodian"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string) => {
        const { identity } = await (await keySide("custodian")).call("identity.revoke", { name }, signal);
        output.print(`${identity.name} may not ask any more.`);
        output.finish({ identity });
        return exitCodes.done;
      }),
    );
};
