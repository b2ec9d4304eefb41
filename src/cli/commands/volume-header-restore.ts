import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { costLimit, costOptions, readSecret, secretOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { CostFlags, SecretFlags } from "#cli/headers/volume-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { restoreHeader } from "#ops/volumes/restore-header.ts";

type Options = SecretFlags & CostFlags & { readonly volume?: string; readonly from: string; readonly keep?: string };

/** `volume header-restore PATH --from FILE` */
export const define: Define = (command, run) => {
  command
    .argument("<path>", "an image or a block device")
    .requiredOption("--from <file>", "the header, as `lockstep point header` writes it")
    .option("--volume <name>", "a partition's number, or disk")
    .option("--keep <file>", "a new file for what is overwritten; beside the header where it is left out");
  costOptions(secretOptions(command))
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep volume header-restore web01.raw --from web01.header", "where the old one can still be read"],
          ["lockstep volume header-restore web01.raw --from web01.header --passphrase-file pw", "where it is gone"],
        ],
        ["0 put back, and read back", "75 it does not belong there; nothing was written"],
      ),
    )
    .action(
      run(async (app, path: string, options: Options) => {
        const { output, host, now, signal } = app;
        const stamp = now().toString({ smallestUnit: "second" }).replaceAll(":", "");
        const keepPath = resolve(host.workingFolder, options.keep ?? `${options.from}.overwritten-${stamp}`);
        const secret = await readSecret(app, options);
        const limit = costLimit(options);
        await using kdf = openKeyDeriver(limit);
        try {
          const request = {
            path: resolve(host.workingFolder, path),
            volume: options.volume ?? null,
            headerPath: resolve(host.workingFolder, options.from),
            keepPath,
            secret,
            kdf,
            limit,
          };
          const { volume, writtenBytes, shownBy } = await restoreHeader(request, signal);
          output.print(
            `${path}, volume ${volume}: header of ${formatBytes(writtenBytes)} put back; ${shownBy} shows that it belongs there`,
            `What was there is in ${keepPath}`,
          );
          output.finish({ path: request.path, volume, writtenBytes, shownBy, keptPath: keepPath });
          return exitCodes.done;
        } finally {
          wipeSecret(secret);
        }
      }),
    );
};
