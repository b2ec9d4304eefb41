import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import { costLimit, costOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { CostFlags } from "#cli/headers/volume-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { counted } from "#cli/shown/checked.ts";
import { secondsWords, whatIs } from "#cli/shown/shown-volume.ts";
import type { LockstepError } from "#errors/errors.ts";
import { parseKeyList } from "#ops/secrets/key-list.ts";
import type { ListedSecret } from "#ops/secrets/key-list.ts";
import { openKeyDeriver } from "#ops/volumes/key-deriver.ts";
import { planScan, scanDisk } from "#ops/volumes/scan-disks.ts";
import type { ScannedDisk } from "#ops/volumes/scan-disks.ts";
import { planTrials, trySecrets } from "#ops/volumes/try-secrets.ts";
import type { TriedSecrets } from "#ops/volumes/try-secrets.ts";
import type { CostLimit } from "#volume/header/kdf.ts";
import { protectorName } from "#volume/header/protector-name.ts";
import type { MappedVolume, VolumeMap } from "#volume/inspect.ts";

type Options = CostFlags & { readonly keys?: string };

/** What a scan says of one disk. */
type Scanned = {
  readonly path: string;
  readonly map: VolumeMap | null;
  readonly failure: LockstepError | null;
  /** By volume; none where no list was given. */
  readonly tried: ReadonlyMap<string, TriedSecrets>;
  /** Trials that there are, and what they cost at the most. */
  readonly trials: number;
  readonly seconds: number;
};

/** `scan PATH...` */
export const define: Define = (command, run) => {
  command
    .argument("<path...>", "images, block devices, and folders with images")
    .option("--keys <file>", "a list of secrets (CSV) to try on every encrypted volume");
  costOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep scan /var/lib/libvirt/images", "what is encrypted, and how"],
          ["lockstep scan /var/lib/libvirt/images --keys old.csv", "and which line of the list opens what"],
          ["lockstep scan /dev/vg/web01 --json", ""],
        ],
        ["0 all could be looked at, and with --keys every encrypted volume was opened", "2 some could not"],
      ),
    )
    .action(
      run(async (app, paths: readonly string[], options: Options) => {
        const { output, signal } = app;
        const secrets = options.keys === undefined ? null : await readKeys(app, options.keys);
        try {
          const plan = await planScan(paths, signal);
          for (const skipped of plan.skipped) output.warn({ code: "NOT_LOOKED_AT", message: skipped });
          const seen: Scanned[] = [];
          for (const path of plan.paths) seen.push(await scanDisk(path, (disk) => looked(disk, secrets ?? []), signal));
          const disks = secrets === null ? seen : await tryAll(app, seen, secrets, costLimit(options));
          output.print(...linesOf(disks, secrets !== null));
          output.finish({ disks: disks.map((disk) => shown(disk, secrets !== null)) });
          const allFine = plan.skipped.length === 0 && disks.every((disk) => isFine(disk, secrets !== null));
          return allFine ? exitCodes.done : exitCodes.attention;
        } finally {
          for (const { secret } of secrets ?? []) wipeSecret(secret);
        }
      }),
    );
};

async function readKeys({ host }: App, file: string): Promise<readonly ListedSecret[]> {
  const path = resolve(host.workingFolder, file);
  const read = async (name: string): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await readFile(name));
    } catch (error) {
      throw readFailure(`reading ${name}`, "KEY_LIST_INVALID", error);
    }
  };
  return parseKeyList(await read(path), file, (name) => read(resolve(dirname(path), name)));
}

function looked({ path, inspection, failure }: ScannedDisk, secrets: readonly ListedSecret[]): Promise<Scanned> {
  const planned = [...(inspection?.headers.values() ?? [])].flatMap((header) => planTrials(header, path, secrets));
  return Promise.resolve({
    path,
    map: inspection?.map ?? null,
    failure,
    tried: new Map(),
    trials: planned.length,
    seconds: planned.reduce((sum, { seconds }) => sum + seconds, 0),
  });
}

async function tryAll(
  { output, signal }: App,
  disks: readonly Scanned[],
  secrets: readonly ListedSecret[],
  limit: CostLimit,
): Promise<readonly Scanned[]> {
  const trials = disks.reduce((sum, disk) => sum + disk.trials, 0);
  const seconds = disks.reduce((sum, disk) => sum + disk.seconds, 0);
  output.note(`${counted(secrets.length, "secret")}: at most ${counted(trials, "trial")}, ${secondsWords(seconds)}`);
  await using kdf = openKeyDeriver(limit);
  let done = 0;
  const step = stepNotes(output, "trying secrets");
  const results: Scanned[] = [];
  for (const disk of disks) {
    if (encryptedOf(disk).length === 0) {
      results.push(disk);
      continue;
    }
    const tried = await scanDisk(
      disk.path,
      async ({ inspection }) => {
        const byVolume = new Map<string, TriedSecrets>();
        for (const [name, found] of inspection?.headers ?? []) {
          const planned = planTrials(found, disk.path, secrets);
          const tick = (): void => step({ phase: `${disk.path} ${name}`, done: ++done, of: trials });
          byVolume.set(name, await trySecrets(found, planned, { kdf, limit }, tick, signal));
        }
        return byVolume;
      },
      signal,
    );
    results.push({ ...disk, tried });
  }
  return results;
}

function encryptedOf({ map }: Scanned): readonly MappedVolume[] {
  return map?.volumes.filter(({ encrypted }) => encrypted !== null) ?? [];
}

function isFine(disk: Scanned, withKeys: boolean): boolean {
  if (disk.map === null || disk.map.volumes.some(({ failure }) => failure !== null)) return false;
  return !withKeys || encryptedOf(disk).every(({ name }) => (disk.tried.get(name)?.opened ?? null) !== null);
}

function linesOf(disks: readonly Scanned[], withKeys: boolean): string[] {
  const rows = disks.flatMap((disk) =>
    disk.map === null
      ? [[disk.path, "", "", `not looked at: ${disk.failure?.message.replace(`opening ${disk.path}: `, "") ?? ""}`, ""]]
      : disk.map.volumes.map((volume) => [
          disk.path,
          volume.name === "disk" ? "" : volume.name,
          formatBytes(volume.sizeBytes),
          whatIs(volume),
          keyWords(volume, disk, withKeys),
        ]),
  );
  if (rows.length === 0) return ["There are no disks there."];
  const titles = [
    { title: "DISK" },
    { title: "VOLUME" },
    { title: "SIZE", align: "right" },
    { title: "WHAT" },
  ] as const;
  const notTried = disks.flatMap(({ path, tried }) =>
    [...tried].flatMap(([name, { notTried: words }]) => words.map((why) => `${path} ${name}: not tried: ${why}`)),
  );
  return [...formatTable([...titles, { title: withKeys ? "OPENED BY" : "PROTECTORS" }], rows), ...notTried];
}

function keyWords({ name, encrypted }: MappedVolume, disk: Scanned, withKeys: boolean): string {
  if (encrypted === null) return "";
  if (!withKeys) return encrypted.protectors.map(protectorName).join(", ");
  const opened = disk.tried.get(name)?.opened ?? null;
  if (opened !== null) {
    const by = opened.protector === null ? "not encrypted" : protectorName(opened.protector);
    return opened.secret === null ? `${by}, without a secret` : `line ${opened.secret.line} (${by})`;
  }
  return encrypted.unreadable === null ? "NO KEY: a backup of it could not be read" : "cannot be read here";
}

function shown(disk: Scanned, withKeys: boolean): object {
  const { path, map, failure, tried } = disk;
  const error = failure === null ? null : { code: failure.code, message: failure.message };
  if (!withKeys) return { path, map, error };
  const opened = [...tried].map(([volume, { opened: by, notTried }]) => ({
    volume,
    isOpened: by !== null,
    line: by?.secret?.line ?? null,
    name: by?.secret?.name ?? null,
    protector: by?.protector?.id ?? null,
    notTried,
  }));
  return { path, map, error, opened };
}
