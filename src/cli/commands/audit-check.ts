import type { InputOf } from "#api/routes.ts";
import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";

type Receipts = InputOf<"audit.check">["receipts"];

/** `audit check` */
export const define: Define = (command, run) => {
  command
    .option("--against <vault>", "also compare it with the receipts that this vault keeps")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep audit check", "its chain, and the heads that the key store signed"],
          ["lockstep audit check --against /backup/vault", "also notices that it was cut or written anew"],
        ],
        ["0 the log is whole", "65 it is not"],
      ),
    )
    .action(
      run(async (app: App, { against }: { readonly against?: string }) => {
        const { output, signal, keySide } = app;
        const receipts = against === undefined ? [] : await receiptsIn(await app.openVault({ place: against }));
        const found = await (await keySide("custodian")).call("audit.check", { receipts }, signal);
        for (const { seq, what } of found.faults) {
          output.warn({ code: "AUDIT_BROKEN", message: `audit entry ${seq}: ${what}` });
        }
        for (const by of found.notOurs) {
          output.warn({
            code: "RECEIPT_FOREIGN",
            message: `${by} is of another key store, or was not signed by this one`,
          });
        }
        const ok = found.faults.length === 0;
        output.print(
          `${found.entries} ${found.entries === 1 ? "entry" : "entries"}, ${counted(found.heads, "signed head")}, ${counted(found.receipts, "receipt")} of vaults`,
          ok ? "The audit log is whole." : "The audit log is not whole: keep the key store's database as it is.",
        );
        output.finish({ ok, ...found });
        return ok ? exitCodes.done : exitCodes.corrupt;
      }),
    );
};

/** The receipts in the logs of all machines. */
async function receiptsIn(vault: OpenVault): Promise<Receipts> {
  const { logs } = await vault.machines();
  return logs.flatMap(({ fold }) =>
    [...fold.receipts.values()].map((receipt) => ({ receipt, by: `a receipt in the log of ${fold.machine.name}` })),
  );
}
