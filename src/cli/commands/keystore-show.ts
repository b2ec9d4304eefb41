import { userInfo } from "node:os";

import { base32Groups } from "#bytes/base32-text.ts";
import { fromBase64 } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { dayOf } from "#cli/output/when.ts";
import { counted } from "#cli/shown/checked.ts";
import { sealWords } from "#cli/shown/shown-seal.ts";
import { whatThaws } from "#policy/frozen.ts";

/** `keystore show` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd([["lockstep keystore show", "whether it is open, and what opens it"]], ["0 shown", "66 there is none"]),
    )
    .action(
      run(async ({ output, signal, keySide }) => {
        const store = await (await keySide("custodian")).call("store.show", {}, signal);
        const { id, createdAt, epoch, frozen, sealed, seals, signingKey, keys, versions, custodians, user } = store;
        const isolated = user !== userInfo().username;
        const facts = [
          ["key store", id],
          ["made", createdAt],
          ["state", sealed ? "sealed: `lockstep keystore unseal` opens it" : "open"],
          ["recovered", epoch === 1 ? "never" : counted(epoch - 1, "time")],
          ...(frozen === null ? [] : [["frozen", `it releases and destroys nothing: ${frozen}. ${whatThaws(frozen)}`]]),
          ["keys", `${keys}, with ${counted(versions, "version")}`],
          ["custodians", custodians === 1 ? "1: no second person is asked for anything" : String(custodians)],
          ["runs as", isolated ? user : `${user}: not isolated from what else this user runs`],
          ["signs with", base32Groups(fromBase64(signingKey) ?? new Uint8Array()).join(" ")], // as the kit's pages print it
          ...seals.map(({ kind, label, createdAt: added }) => [
            "opened by",
            `${label} (${sealWords[kind]}, added ${dayOf(added)})`,
          ]),
        ];
        output.print(...formatTable([{}, {}], facts));
        output.finish({
          keyStore: { id, createdAt, epoch, frozen, sealed },
          unlockWays: seals,
          signingKey,
          keys,
          versions,
          custodians,
          user,
          isolated,
        });
        return exitCodes.done;
      }),
    );
};
