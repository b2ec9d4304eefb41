import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { idParser, parseReason } from "#cli/program/options.ts";
import { placeWords, protectorWords } from "#cli/shown/bound-lines.ts";

const bindingId = idParser({
  of: "a binding",
  shownBy: "`lockstep key show NAME` has that of each protector which a version is bound to.",
});

type Options = { readonly reason: string };

/** `key unbind BINDING --reason TEXT` */
export const define: Define = (command, run) => {
  command
    .argument("<binding>", "its id, as `key show` has it", bindingId)
    .requiredOption("--reason <text>", "why the live volume has the protector no more", parseReason)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep key unbind 0f3e… --reason 'web01 was taken out of service'", ""]],
        ["0 done; points that have the protector need the version as before", "66 there is no such binding"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, id: string, { reason }: Options) => {
        const client = await keySide("custodian");
        const { binding } = await client.call("binding.retire", { binding: id, reason }, signal);
        output.print(
          `${binding.version} is bound to ${protectorWords(binding)} of ${placeWords(binding)} in points only.`,
        );
        output.finish({ binding });
        return exitCodes.done;
      }),
    );
};
