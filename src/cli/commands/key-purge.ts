import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { copyLines } from "#cli/shown/key-copies.ts";
import { notErasedWarnings } from "#cli/shown/rewrap-warnings.ts";
import { exactVersions } from "#cli/steps/exact-versions.ts";
import { dryRunOption, endForeseen, foresee } from "#cli/steps/what-if.ts";
import type { Foreseen } from "#cli/steps/what-if.ts";
import type { KeyClient } from "#client/key-client.ts";

const words = { doing: "destroying", done: "destroyed" };

/** `key purge NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a deleted version, or a key of which all versions are deleted")
    .option(...dryRunOption)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key purge web01/v1 --json", "for ever; the document has the certificate"],
          ["lockstep key purge web01 --dry-run", "of each version: whether it would be refused, and why"],
        ],
        [
          "0 destroyed here: the lines say which copies still hold it. With --dry-run: it would be, once",
          "  another custodian approves, where there is one",
          "75 it waits for another custodian, or is needed. With --dry-run: it would be refused",
        ],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string, { dryRun }: { readonly dryRun?: true }) => {
        const client = await keySide("custodian");
        if (dryRun === true) return endForeseen(output, words, await foreseePurge(client, name, signal));
        const names = await exactVersions(client, name, signal);
        const { versions, notErased } = await client.call("key.purge", { versions: [...names] }, signal);
        for (const { version, copies } of versions) {
          output.print(`${version.name}: destroyed here.`, ...copyLines(copies));
        }
        for (const warning of notErasedWarnings(notErased)) output.warn(warning);
        output.finish({ dryRun: false, versions, notErased });
        return exitCodes.done;
      }),
    );
};

/** What would come of destroying a version, or all of a key; those that were destroyed before are left out. */
async function foreseePurge(client: KeyClient, name: string, signal: AbortSignal): Promise<readonly Foreseen[]> {
  const { sealed } = await client.call("store.show", {}, signal);
  const { versions } = await client.call("key.show", { name }, signal);
  const left = versions.map(({ version }) => version).filter(({ destroyedAt }) => destroyedAt === null);
  return foresee(
    client,
    left,
    ({ deletedAt }) => {
      const reasons = [
        ...(sealed ? ["the key store is sealed"] : []),
        ...(deletedAt === null ? ["it is not deleted"] : []),
      ];
      return { takes: true, refusal: reasons.length === 0 ? null : reasons.join("; ") };
    },
    signal,
  );
}
