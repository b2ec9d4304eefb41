import { hex } from "#bytes/text.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { checkStore } from "#store/check-store.ts";
import type { StoreCheckResult } from "#store/check-store.ts";
import { LARGE_BYTES } from "#store/contract-suite.ts";

const marks: Readonly<Record<StoreCheckResult["outcome"], string>> = {
  ok: "ok",
  failed: "FAILED",
  "not checked": "not checked",
};

/** `store check PLACE` */
export const define: Define = (command, run) => {
  command
    .argument("<place>", "a folder or URL in which a vault is, or could be")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep store check /backup/vault", "writes about 70 MiB, and removes them again"],
          ["lockstep store check file:///mnt/share", "before a vault is made there"],
        ],
        ["0 it keeps the promises that a vault needs, as far as can be tried", "69 it does not"],
      ),
    )
    .action(
      run(async ({ output, random, signal, openStore }, place: string) => {
        const options = { random, prefix: `store-check/${hex(random(8))}/`, largeBytes: LARGE_BYTES };
        const told = ({ name, outcome, why }: StoreCheckResult): void =>
          output.print(`${marks[outcome].padEnd(11)}  ${name}${why === null ? "" : `: ${why}`}`);
        const { results, leftUnder } = await checkStore(() => openStore(place), options, told, signal);
        if (leftUnder !== null) {
          output.warn({
            code: "LEFT_BEHIND",
            message: `what the check wrote is still there, under ${leftUnder.prefix}: ${leftUnder.why}`,
          });
        }
        const failed = results.filter(({ outcome }) => outcome === "failed").length;
        output.print(
          failed === 0
            ? "The store keeps its promises, as far as can be tried."
            : `${failed} promises are broken: no vault is safe there.`,
        );
        output.finish({ results, kept: failed === 0 });
        return failed === 0 ? exitCodes.done : exitCodes.unsupported;
      }),
    );
};
