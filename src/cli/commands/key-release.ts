import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { idParser } from "#cli/program/options.ts";
import { dryRunOption } from "#cli/steps/what-if.ts";

const holdId = idParser({ of: "a hold", shownBy: "`lockstep key needed-by VERSION` has those of what holds it." });

/** `key release HOLD` */
export const define: Define = (command, run) => {
  command
    .argument("<hold>", "its id, as `key hold` said it", holdId)
    .option(...dryRunOption)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key release 3f6b0f3e8d0c4a529d0c6f1f3c1f9b11", "nothing of it is left that needs the version"],
          ["lockstep key release 3f6b0f3e8d0c4a529d0c6f1f3c1f9b11 --dry-run", "what would still need the version"],
        ],
        ["0 released. With --dry-run: it would be, whatever else needs the version", "66 there is no such hold"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, hold: string, { dryRun }: { readonly dryRun?: true }) => {
        const client = await keySide("custodian");
        if (dryRun === true) {
          const left = await client.call("hold.needs", { hold }, signal);
          output.print(
            left.refusal === null
              ? `Without the hold nothing would need ${left.version} any more.`
              : `Without the hold, deleting or destroying ${left.version} would still be refused: ${left.refusal}.`,
          );
          output.finish({ dryRun: true, hold, ...left });
          return exitCodes.done;
        }
        await client.call("key.release", { hold }, signal);
        output.print(`The hold ${hold} is ended.`);
        output.finish({ dryRun: false, hold });
        return exitCodes.done;
      }),
    );
};
