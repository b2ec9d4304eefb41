import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { dayOf } from "#cli/output/when.ts";
import { identityState } from "#cli/shown/shown-identity.ts";

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
