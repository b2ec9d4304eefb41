import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { dayOf } from "#cli/output/when.ts";

/** `kit show` */
export const define: Define = (command, run) => {
  command
    .addHelpText("after", helpEnd([["lockstep kit show", ""]], ["0 all is well", "2 there is none, or it is stale"]))
    .action(
      run(async ({ output, signal, keySide }) => {
        const { kit } = await (await keySide("custodian")).call("kit.show", {}, signal);
        if (kit === null) output.print("There is no kit: lockstep kit create --help");
        else {
          const checked = kit.checkedAt === null ? "never checked" : `checked ${dayOf(kit.checkedAt)}`;
          output.print(
            `Kit ${kit.id}, made ${dayOf(kit.createdAt)}, ${checked}: ${kit.threshold} of ${kit.custodians.length} pages are needed.`,
            `  custodians: ${kit.custodians.join(", ")}`,
            ...(kit.stale === null ? [] : [`  stale: ${kit.stale}`]),
          );
        }
        output.finish({ kit });
        return kit !== null && kit.stale === null ? exitCodes.done : exitCodes.attention;
      }),
    );
};
