import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { identityState } from "#cli/shown-identity.ts";
import { formatTable } from "#cli/table.ts";
import { dayOf } from "#cli/when.ts";

/** `identity list` */
export const define: Define = (command, run) => {
  command.addHelpText("after", helpEnd([["lockstep identity list", ""]], ["0 listed"])).action(
    run(async ({ output, signal, keySide, now }) => {
      const { identities } = await (await keySide("custodian")).call("identity.list", {}, signal);
      const rows = identities.map((identity) => [
        identity.name,
        identity.role,
        dayOf(identity.createdAt),
        identityState(identity, now()),
      ]);
      output.print(...formatTable([{ title: "IDENTITY" }, { title: "ROLE" }, { title: "ADDED" }, {}], rows));
      output.finish({ identities });
      return exitCodes.done;
    }),
  );
};
