import { resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readSecretFiles } from "#cli/files/secret-files.ts";
import { costLimit, costOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { CostFlags } from "#cli/headers/volume-options.ts";
import { vaultMachines } from "#cli/machines/vault-machines.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { counted } from "#cli/shown/checked.ts";
import { importLines, isImportWhole, shownImport } from "#cli/shown/imported.ts";
import { secondsWords } from "#cli/shown/shown-volume.ts";
import { importKeys } from "#ops/keys/import-keys.ts";
import { outlookOf } from "#ops/keys/match-disk.ts";
import type { DiskOutlook } from "#ops/keys/match-disk.ts";
import { placeDisks } from "#ops/machines/disk-places.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";
import { openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { planScan } from "#ops/volumes/scan-disks.ts";

type Options = CostFlags & { readonly onlyMatching?: true };

/** `key import FILE PATH...` */
export const define: Define = (command, run) => {
  command
    .argument("<file>", "a list of secrets (CSV), what Windows or Active Directory exports, or a folder of such files")
    .argument("[path...]", "images, block devices, and folders with images, to try them on")
    .option("--only-matching", "do not store what opens nothing");
  costOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key import old.csv /var/lib/libvirt/images", "stores keys, and binds them to what they open"],
          ["lockstep key import bitlocker-export.csv /dev/vg/dc01 --only-matching", ""],
          ["lockstep key import ~/recovery-keys", "a folder of files as Windows saves them; tried on nothing"],
        ],
        [
          "0 every volume that was looked at has a key",
          "2 some have none, or something could not be stored or looked at",
        ],
      ),
    )
    .action(
      run(async (app, file: string, paths: readonly string[], options: Options) => {
        const { output, signal } = app;
        const secrets = await readSecretFiles(app, file);
        try {
          const disks = await lookAt(app, paths, secrets);
          const trials = disks.reduce((sum, disk) => sum + disk.trials, 0);
          const seconds = disks.reduce((sum, disk) => sum + disk.seconds, 0);
          output.note(
            `${counted(secrets.length, "secret")}: at most ${counted(trials, "trial")}, ${secondsWords(seconds)}`,
          );
          const limit = costLimit(options);
          await using kdf = openKeyDeriver(limit);
          const step = stepNotes(output, "trying secrets");
          let done = 0;
          const tried = (): void => step({ phase: file, done: ++done, of: trials });
          const request = { secrets, disks, onlyMatching: options.onlyMatching === true };
          const client = await app.keySide("custodian");
          const imported = await importKeys(client, request, { kdf, limit }, tried, signal);
          output.print(...importLines(imported, disks));
          output.finish(shownImport(imported, disks));
          return isImportWhole(imported, disks) ? exitCodes.done : exitCodes.attention;
        } finally {
          for (const { secret } of secrets) wipeSecret(secret);
        }
      }),
    );
};

/** Finds the disks and the machines that have them, and says what to try on each. */
async function lookAt(
  app: App,
  typed: readonly string[],
  secrets: readonly ImportableSecret[],
): Promise<readonly DiskOutlook[]> {
  const { output, host, signal } = app;
  if (typed.length === 0) return [];
  const found = await planScan(typed, signal);
  for (const skipped of found.skipped) output.warn({ code: "NOT_LOOKED_AT", message: skipped });
  const absolute = (path: string): string => resolve(host.workingFolder, path);
  const places = placeDisks(found.paths.map(absolute), await vaultMachines(app), host.name);
  const disks: DiskOutlook[] = [];
  for (const path of found.paths) {
    const { machine, disk } = places.get(absolute(path)) ?? { machine: path, disk: path };
    disks.push(await outlookOf({ path, machine, disk }, secrets, signal));
  }
  return disks;
}
