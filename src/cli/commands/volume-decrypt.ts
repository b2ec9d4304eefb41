import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readVolumeRequest, volumeOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { VolumeFlags } from "#cli/headers/volume-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { LockstepError } from "#errors/errors.ts";
import { derivationsFor, openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { protectorName } from "#volume/header/protector-name.ts";

type Options = VolumeFlags & { readonly to: string };

/** `volume decrypt PATH --to FILE|-` */
export const define: Define = (command, run) => {
  command
    .argument("<path>", "an image or a block device")
    .requiredOption("--to <file>", "a new file for the plaintext volume, or - for standard output");
  volumeOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          [
            "lockstep volume decrypt web01.raw --passphrase-file pw --to web01.plain",
            "the volume as the guest sees it",
          ],
          ["lockstep volume decrypt dc01.raw --volume 3 --startup-key k.BEK --to - | ntfsinfo -m -", ""],
        ],
        ["0 all of it was decrypted"],
      ),
    )
    .action(
      run(async (app, path: string, options: Options) => {
        const { output, progress, host, signal } = app;
        const { to } = options;
        if (to === "-" && output.json) {
          throw new LockstepError("ARGUMENT_INVALID", "--json and --to - both want standard output");
        }
        const request = await readVolumeRequest(app, resolve(host.workingFolder, path), options);
        try {
          await using kdf = openKeyDeriver(request.limit, derivationsFor(request.secret));
          // Loaded while the processes of `kdf` start.
          const { withVolume } = await import("#ops/volumes/open-volume.ts");
          const { decryptToFile, readPlaintext } = await import("#ops/volumes/decrypt-volume.ts");
          return await withVolume(
            { ...request, kdf },
            async ({ name, facts, protector, plain, unreadable }) => {
              if (plain === null)
                throw unreadable ?? new LockstepError("VOLUME_UNSUPPORTED", `${path}: volume ${name}`);
              progress.start(plain.sizeBytes, name);
              const advance = (bytes: number): void => progress.advance(bytes);
              if (to === "-") {
                const send = async (_offset: number, bytes: Uint8Array): Promise<void> => {
                  await output.writeData(bytes);
                  advance(bytes.length);
                };
                await readPlaintext(plain, send, signal);
              } else await decryptToFile(plain, resolve(host.workingFolder, to), advance, signal);
              progress.stop();
              const by = protector === null ? "no secret: it is not encrypted" : protectorName(protector);
              output.print(`${path}, volume ${name}: opened by ${by}, ${formatBytes(plain.sizeBytes)} decrypted`);
              for (const { message } of facts.warnings) output.warn({ code: "VOLUME_WARNING", message });
              const { sizeBytes } = plain;
              output.finish({ path: request.path, volume: name, protector: protector?.id ?? null, to, sizeBytes });
              return exitCodes.done;
            },
            signal,
          );
        } finally {
          progress.stop();
          wipeSecret(request.secret);
        }
      }),
    );
};
