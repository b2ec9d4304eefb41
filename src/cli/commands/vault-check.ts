import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { formatTable } from "#cli/output/table.ts";
import { checkVault } from "#ops/check/check-vault.ts";
import type { CheckVaultResult, CheckedLog } from "#ops/check/check-vault.ts";

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
  const rows = logs.map((log) => [log.name ?? log.machine, String(log.entries), stateOf(log)]);
  const columns = [{ title: "MACHINE" }, { title: "LOG ENTRIES", align: "right" }, { title: "STATE" }] as const;
  return [
    `keyring: generation ${keyring.generation}${keyring.faults.length === 0 ? ", all is well" : ""}`,
    ...keyring.faults.map((fault) => `  ${fault}`),
    ...keyring.restored.map((key) => `  healed: ${key} was put back`),
    ...rosterFaults.map((fault) => `roster: ${fault}`),
    ...(rows.length === 0 ? [] : formatTable(columns, rows)),
    ...storeLines(logs),
    ...copies.map(({ key, what, repaired }) => `${repaired ? "healed" : "not healed"}: ${key} was ${what}`),
    ...stray.map((key) => `of a machine that the roster does not have, left alone: ${key}`),
    ...foreign.map((key) => `not Lockstep's, left alone: ${key}`),
    ok ? "The vault is as it should be. `lockstep check` looks at the points." : "The vault is damaged.",
  ];
}

function stateOf({ fault, wrongSummaries, wrongStatements }: CheckedLog): string {
  const [first] = wrongStatements;
  const faults: string[] = [];
  if (wrongSummaries.length > 0) faults.push(`summaries that are wrong: ${wrongSummaries.length}`);
  if (first !== undefined) {
    const count = wrongStatements.length;
    faults.push(`verdicts that are not the key store's: ${count}, such as in entry ${first.seq}: ${first.why}`);
  }
  return fault ?? (faults.join("; ") || "all is well");
}

/** Machines should all know the same key store. */
function storeLines(logs: readonly CheckedLog[]): string[] {
  const byStore = Map.groupBy(
    logs.filter(({ keyStore }) => keyStore !== null),
    ({ keyStore }) => keyStore,
  );
  if (byStore.size < 2) return [];
  const lines = [...byStore].map(
    ([store, of]) => `  ${store}: ${of.map(({ name, machine }) => name ?? machine).join(", ")}`,
  );
  return [
    "the logs take the word of different key stores; `lockstep vault enrol` has all take that of the one that is here:",
    ...lines,
  ];
}
