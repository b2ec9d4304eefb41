import { hex } from "#bytes/text.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-codes.ts";

type Options = { readonly name?: string; readonly reporter?: string };

/** `vault enrol` */
export const define: Define = (command, run) => {
  command
    .option("--name <name>", "what the key side calls it; its place, if nothing is said")
    .option("--reporter <identity>", "the backup identity that reports for it; this host's, if nothing is said")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep vault enrol", "make the vault known to the key store"],
          ["lockstep vault enrol --reporter backup@host2", "another host reports for it from now on"],
        ],
        ["0 the key store knows it", "66 there is no such identity", "75 it is known by another root key"],
      ),
    )
    .action(
      run(async ({ output, signal, host, openVault, keySide }, options: Options) => {
        const { keyring, place } = await openVault();
        const { id, rootCommitment } = keyring.vault;
        const { name = place, reporter = `backup@${host.name}` } = options;
        const given = { vault: id, name, rootCommitment: hex(rootCommitment), reporter };
        await (await keySide("custodian")).call("vault.enrol", given, signal);
        output.print(`The key store knows the vault ${name}; ${reporter} reports for it, from the next backup on.`);
        output.finish({ vault: id, name, reporter });
        return exitCodes.done;
      }),
    );
};
