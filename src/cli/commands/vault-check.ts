import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { stepNotes } from "#cli/step-notes.ts";
import { formatTable } from "#cli/table.ts";
import { checkVault } from "#ops/check-vault.ts";
import type { CheckVaultResult } from "#ops/check-vault.ts";

/** `vault check` */
export const define: Define = (command, run) => {
  command
    .option("--look-only", "write nothing: repair no copies")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep vault check", "the keyring, the roster, and every log from its first entry on; not the points"]],
        ["0 all is well", "65 something is damaged"],
      ),
    )
    .action(
      run(async (app, { lookOnly }: { readonly lookOnly?: true }) => {
        const { output, signal } = app;
        const { vault, keyring, place, readOnlyReason, known } = await app.openVault();
        const options = {
          repair: lookOnly !== true && readOnlyReason === null,
          known,
          progress: stepNotes(output, "vault"),
        };
        const found = await checkVault(vault, keyring, options, signal);
        for (const { machine, name, warnings } of found.logs) {
          for (const message of warnings)
            output.warn({ code: "VAULT_DAMAGED", message: `${name ?? machine}: ${message}` });
        }
        output.print(...linesOf(found));
        output.finish({ vault: { id: keyring.vault.id, place }, ...found });
        return found.ok ? exitCodes.done : exitCodes.corrupt;
      }),
    );
};

function linesOf({ ok, keyring, rosterFaults, logs, copies, stray, foreign }: CheckVaultResult): string[] {
  const rows = logs.map(({ machine, name, entries, fault, wrongSummaries }) => [
    name ?? machine,
    String(entries),
    fault ?? (wrongSummaries.length === 0 ? "all is well" : `${wrongSummaries.length} summaries are wrong`),
  ]);
  const columns = [{ title: "MACHINE" }, { title: "LOG ENTRIES", align: "right" }, { title: "STATE" }] as const;
  return [
    `keyring: generation ${keyring.generation}${keyring.faults.length === 0 ? ", all is well" : ""}`,
    ...keyring.faults.map((fault) => `  ${fault}`),
    ...keyring.restored.map((key) => `  healed: ${key} was put back`),
    ...rosterFaults.map((fault) => `roster: ${fault}`),
    ...(rows.length === 0 ? [] : formatTable(columns, rows)),
    ...copies.map(({ key, what, repaired }) => `${repaired ? "healed" : "not healed"}: ${key} was ${what}`),
    ...stray.map((key) => `of a machine that the roster does not have, left alone: ${key}`),
    ...foreign.map((key) => `not Lockstep's, left alone: ${key}`),
    ok ? "The vault is as it should be. `lockstep check` looks at the points." : "The vault is damaged.",
  ];
}
