import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { placeWords, protectorWords } from "#cli/shown/bound-lines.ts";
import { kindWords, versionState } from "#cli/shown/shown-version.ts";

/** `key find TEXT` */
export const define: Define = (command, run) => {
  command
    .argument("<text>", "what somebody sees: a key ID of BitLocker, a UUID, a machine, a key")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key find 4F2A91C0", "the key ID on the blue screen"],
          ["lockstep key find 3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11", "the UUID of a LUKS volume"],
          ["lockstep key find web01", ""],
        ],
        ["0 found", "66 nothing was found"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide, now }, wanted: string) => {
        const { found, alike } = await (await keySide("custodian")).call("key.find", { wanted }, signal);
        if (found.length === 0) output.print(`The key store has nothing for ${wanted}.`);
        for (const { id, version } of alike) output.print(`Much like it is ${id}, of ${version}.`);
        for (const { version, bindings } of found) {
          output.print(`${version.name}: ${kindWords[version.kind]}, ${versionState(version, now())}`);
          if (version.note !== "") output.print(`  note: ${version.note}`);
          if (bindings.length === 0) output.print("  bound to nothing");
          for (const binding of bindings) {
            const uuid = binding.volumeUuid === null ? "" : `, UUID ${binding.volumeUuid}`;
            const retired = binding.retiredAt === null ? "" : ", in points only";
            output.print(
              `  opens ${placeWords(binding)}: ${protectorWords(binding)}${uuid}${retired}`,
              `    binding ${binding.id}`,
            );
          }
        }
        output.finish({ found, alike });
        return found.length === 0 ? exitCodes.missing : exitCodes.done;
      }),
    );
};
