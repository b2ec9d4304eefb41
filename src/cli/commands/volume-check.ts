import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readVolumeRequest, volumeOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { VolumeFlags } from "#cli/headers/volume-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { whatIsIn } from "#cli/shown/shown-volume.ts";
import { derivationsFor, openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { protectorName } from "#volume/header/protector-name.ts";

/** `volume check PATH` */
export const define: Define = (command, run) => {
  command.argument("<path>", "an image or a block device");
  volumeOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep volume check web01.raw --passphrase-file pw", "the only encrypted volume of the disk"],
          ["lockstep volume check dc01.raw --volume 3 --recovery-password-file rp.txt", ""],
          ["lockstep volume check web01.raw --header web01.header --key-file k", "with a header that is kept apart"],
        ],
        [
          "0 the secret opens it, and it can be read",
          "3 the secret opens it, and it cannot be read, or what is in it is damaged",
        ],
      ),
    )
    .action(
      run(async (app, path: string, flags: VolumeFlags) => {
        const { output, host, signal } = app;
        const request = await readVolumeRequest(app, resolve(host.workingFolder, path), flags);
        try {
          await using kdf = openKeyDeriver(request.limit, derivationsFor(request.secret));
          // Loaded while the processes of `kdf` start.
          const { contentOf, withVolume } = await import("#ops/volumes/open-volume.ts");
          return await withVolume(
            { ...request, kdf },
            async (opened) => {
              const { name, facts, protector, unreadable } = opened;
              const content = await contentOf(opened, signal);
              const by = protector === null ? "no secret: it is not encrypted" : protectorName(protector);
              output.print(
                `${path}, volume ${name}: opened by ${by}`,
                content === null ? `it cannot be read: ${unreadable?.message ?? ""}` : `inside: ${whatIsIn(content)}`,
              );
              const problems = content !== null && "problems" in content ? content.problems : [];
              for (const { message } of [...facts.warnings, ...problems])
                output.warn({ code: "VOLUME_WARNING", message });
              output.finish({
                path: request.path,
                volume: name,
                encrypted: facts,
                protector: protector?.id ?? null,
                content,
                unreadable: unreadable === null ? null : { code: unreadable.code, message: unreadable.message },
              });
              const isSure = content !== null && !("verified" in content && content.verified === "magic only");
              return isSure ? exitCodes.done : exitCodes.notGreen;
            },
            signal,
          );
        } finally {
          wipeSecret(request.secret);
        }
      }),
    );
};
