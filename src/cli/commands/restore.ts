import { resolve } from "node:path";

import type { App, Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { machinesToSearch } from "#cli/machines/machines-to-search.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { expectOption, parsePath } from "#cli/program/options.ts";
import { nextLines } from "#cli/shown/light-next.ts";
import { lightName, openedWords, reasonLines } from "#cli/shown/light-words.ts";
import { askKeyRelease, releaseLines, restoredVolumes } from "#cli/shown/restore-keys.ts";
import { shownVolumeKeys, volumeKeyLines } from "#cli/shown/restore-keys.ts";
import { planLines, sayPlanWarnings, shownPlan } from "#cli/shown/restore-plan.ts";
import { shownRestored, restoredLines } from "#cli/shown/restored.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { LockstepError } from "#errors/errors.ts";
import { findPoint } from "#ops/points/find-point.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { pointWarnings } from "#ops/points/point-warnings.ts";
import { findPointDisk } from "#ops/points/stored-disk.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { requireOutsideVaults } from "#ops/restore/outside-vaults.ts";
import { restoreFolder } from "#ops/restore/restore-folder.ts";
import { restoreInPlace } from "#ops/restore/restore-in-place.ts";
import { restoreNewFile } from "#ops/restore/restore-new-file.ts";
import type { Restored } from "#ops/restore/restore-new-file.ts";
import { planFolder, planInPlace, planNewFile } from "#ops/restore/restore-plan.ts";
import type { RestorePlan } from "#ops/restore/restore-plan.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { PointBody } from "#vault/point-body.ts";

type Options = {
  readonly toDir?: string;
  readonly disk?: string;
  readonly to?: string;
  readonly inPlace?: true;
  readonly dryRun?: true;
  readonly requireGreen?: true;
  readonly expect?: Expectation;
};

/** Where what is restored to. */
type Aim =
  | { readonly kind: "folder"; readonly path: string; readonly disks: readonly PointDisk[] }
  | { readonly kind: "new file" | "in place"; readonly path: string; readonly disks: readonly [PointDisk] };

/** Below this much, threads would cost more than they give. */
const THREADS_FROM_BYTES = 64 * 1024 * 1024;

/** `restore POINT` */
export const define: Define = (command, run) => {
  command
    .argument("<point>", "web01, web01@2026-11-23, web01@2026-11-23T14:05, or the start of an id")
    .option("--to-dir <folder>", "all disks, each as NAME.raw, with point.json beside them", parsePath)
    .option("--disk <name>", "one disk, by its name or the start of its id; may be left out where there is one only")
    .option("--to <path>", "the new file that the disk becomes; with --in-place, what is to be overwritten", parsePath)
    .option("--in-place", "overwrite a file or block device that exists, by writing only what differs")
    .option("--dry-run", "say what would be written, and write nothing")
    .option("--require-green", "refuse a point of which nothing shows that a key opens it")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep restore web01 --to-dir /restore/web01", "the newest point, all disks"],
          ["lockstep restore web01@2019-03-01 --disk root --to /restore/root.raw", ""],
          ["lockstep restore web01@latest --disk root --to /dev/vg/web01 --in-place", "only what differs"],
          ["lockstep restore web01 --disk root --to /dev/vg/web01 --in-place --dry-run", "how much differs"],
        ],
        [
          "0 restored",
          "3 restored, and the point is torn or lacks sectors that could not be read",
          "65 the vault's bytes are damaged there",
          "75 the target exists, is in use or has no room; with --require-green, the point is not green",
        ],
      ),
    )
    .action(
      run(async (app, text: string, options: Options) => {
        refuseOddCombinations(options);
        const { output, signal } = app;
        const opened = await app.openVault({ cacheNodes: true });
        const { vault } = opened;
        const machines = await machinesToSearch(opened, text, options.expect);
        const { log, point, name } = findPoint(machines, text);
        const aim = aimOf(app, point, options);
        await requireOutsideVaults(aim.path);
        const body = await readBodyOrNull(vault, log, point, signal);
        const light = pointLights(log.fold, app.now())(point);
        if (options.requireGreen === true) refuseLessThanGreen(name, light);
        const keys = await keysOf(app, { point, name, body, light, disks: aim.disks });
        const names = new Set(aim.disks.map((disk) => disk.name));
        const warnings = pointWarnings(point, name, body, names);
        for (const { code, message, hint } of warnings) output.warn({ code, message, hint });
        const status = warnings.some(({ notGreen }) => notGreen) ? exitCodes.notGreen : exitCodes.done;
        const deps = {
          vault,
          log,
          point,
          name,
          keys,
          lanes: { lanes: app.config.lanes.value, threads: totalBytes(aim.disks) >= THREADS_FROM_BYTES },
          progress: (bytes: number) => app.progress.advance(bytes),
          unfinished: (path: string) => {
            output.warn({
              code: "RESTORE_UNFINISHED",
              message: `${path} is not finished, and says so itself`,
              hint: "Run the same command again: it goes on from there.",
            });
          },
        };
        if (options.dryRun !== true || aim.kind === "in place") app.progress.start(totalBytes(aim.disks), name);
        try {
          if (options.dryRun === true) return await plan(app, deps, aim, status);
          return await restore(app, deps, aim, body, status);
        } finally {
          app.progress.stop();
        }
      }),
    );
};

function refuseOddCombinations({ toDir, disk, to, inPlace }: Options): void {
  const wrong = (why: string, hint: string): LockstepError =>
    new LockstepError("ARGUMENT_INVALID", `restoring: ${why}`, { hint });
  if (toDir === undefined && to === undefined) {
    throw wrong("nothing says where to", "Give --to-dir FOLDER for all disks, or --disk NAME --to PATH for one.");
  }
  if (toDir !== undefined && (to !== undefined || disk !== undefined)) {
    throw wrong("--to-dir is for all disks, --disk and --to for one", "Give one of the two.");
  }
  if (inPlace === true && to === undefined) {
    throw wrong("--in-place needs --to", "Restore the disks one by one: --disk NAME --to PATH --in-place.");
  }
}

function aimOf({ host }: App, point: PointState, { toDir, disk, to, inPlace }: Options): Aim {
  if (toDir !== undefined) {
    return { kind: "folder", path: resolve(host.workingFolder, toDir), disks: point.disks };
  }
  const [only, another] = point.disks;
  if (disk === undefined && another !== undefined) {
    throw new LockstepError("ARGUMENT_INVALID", "restoring: the point has several disks, and nothing says which", {
      hint: `Give --disk with one of ${point.disks.map(({ name }) => name).join(", ")}.`,
    });
  }
  const chosen = disk === undefined && only !== undefined ? only : findPointDisk(point, disk ?? "");
  const path = resolve(host.workingFolder, to ?? "");
  return { kind: inPlace === true ? "in place" : "new file", path, disks: [chosen] };
}

/** @throws {LockstepError} NOT_GREEN */
function refuseLessThanGreen(name: string, { light, reasons }: PointLight): void {
  if (light === "green" || light === "plain") return;
  const whys = reasons.map(({ words }) => words).join("; ");
  throw new LockstepError("NOT_GREEN", `restoring ${name}: it is ${light}: ${whys}`, {
    hint: `\`lockstep check ${name}\` tries the keys; without --require-green it is restored as it is.`,
  });
}

type PointToRestore = {
  readonly point: PointState;
  readonly name: string;
  readonly body: PointBody | null;
  readonly light: PointLight;
  readonly disks: readonly PointDisk[];
};

/** Says, before anything is written, what opens the point, who must approve, and what its guest will ask for. @returns as JSON shows it */
async function keysOf(app: App, { point, name, body, light, disks }: PointToRestore): Promise<object> {
  const { output, now } = app;
  const volumes = restoredVolumes(point, body, disks);
  const release = light.versions.length === 0 ? null : await askKeyRelease(app);
  if (light.light !== "plain") {
    const opened = openedWords(light, now());
    output.print(opened === "" ? `light: ${lightName(light.light)}` : `light: ${lightName(light.light)}; ${opened}`);
    output.print(...reasonLines(light), ...volumeKeyLines(volumes));
    if (light.versions.length > 0) output.print(...releaseLines(release));
    output.print(...nextLines(light, name));
  }
  const { secondPerson = null, frozen = null } = release ?? {};
  return { light: shownLight(light), volumes: shownVolumeKeys(volumes), secondPerson, keyStoreFrozen: frozen };
}

/** What a restore works with, and what it says of keys, as JSON. */
type Deps = RestoreDeps & { readonly keys: object };

function planOf(deps: Deps, aim: Aim, signal: AbortSignal): Promise<RestorePlan> {
  if (aim.kind === "folder") return planFolder(deps, aim.path);
  const [disk] = aim.disks;
  return aim.kind === "new file" ? planNewFile({ disk, path: aim.path }) : planInPlace(deps, disk, aim.path, signal);
}

async function restoredTo(
  deps: Deps,
  aim: Aim,
  body: PointBody | null,
  signal: AbortSignal,
): Promise<readonly Restored[]> {
  if (aim.kind === "folder") return restoreFolder(deps, body, aim.path, signal);
  const [disk] = aim.disks;
  const restored = aim.kind === "new file" ? restoreNewFile : restoreInPlace;
  return [await restored(deps, disk, aim.path, signal)];
}

async function plan(app: App, deps: Deps, aim: Aim, status: ExitCode): Promise<ExitCode> {
  const { output, signal } = app;
  const planned = await planOf(deps, aim, signal);
  app.progress.stop();
  output.print(...planLines(deps.name, deps.point, planned));
  const isPossible = sayPlanWarnings(output, planned);
  output.finish({
    dryRun: true,
    point: shownPoint(deps.point, deps.name),
    ...deps.keys,
    ...shownPlan(planned),
    tookMs: null,
  });
  return isPossible ? status : exitCodes.unavailable;
}

async function restore(app: App, deps: Deps, aim: Aim, body: PointBody | null, status: ExitCode): Promise<ExitCode> {
  const { output, signal } = app;
  const startedMs = performance.now();
  const restored = await restoredTo(deps, aim, body, signal);
  const tookMs = performance.now() - startedMs;
  app.progress.stop();
  for (const { path, cutBytes, restBytes } of restored) {
    if (cutBytes > 0) output.note(`${path} was longer than the disk: ${cutBytes} bytes were cut off its end.`);
    if (restBytes > 0) {
      output.warn({
        code: "TARGET_LARGER",
        message: `${path} is ${restBytes} bytes longer than the disk; what lies there was left as it was`,
        hint: "A GPT has its second copy at the disk's end: move it there with `sgdisk --move-second-header`.",
      });
    }
  }
  output.print(...restoredLines(deps.name, restored, tookMs));
  output.finish({
    dryRun: false,
    point: shownPoint(deps.point, deps.name),
    ...deps.keys,
    disks: restored.map(shownRestored),
    room: null,
    tookMs: Math.round(tookMs),
  });
  return status;
}

function totalBytes(disks: readonly PointDisk[]): number {
  return disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
