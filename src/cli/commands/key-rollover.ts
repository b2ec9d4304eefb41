import { join, resolve } from "node:path";

import { Option } from "commander";

import type { RolloverFacts } from "#api/rollover.ts";
import type { BindingFacts } from "#api/values.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { endedLines, stepLines } from "#cli/shown/rollover-lines.ts";
import { chooseTarget } from "#cli/steps/rollover-target.ts";
import type { RolloverTarget } from "#cli/steps/rollover-target.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import type { VolumePlace } from "#ops/keys/match-disk.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import { keptHeader, removeProvenHeaders } from "#ops/rollover/rollover-backup.ts";
import { beginRollover, lookAtRollover, runRollover } from "#ops/rollover/rollover.ts";
import type { RolloverAim, RolloverDeps, RolloverLook, RolloverVolume } from "#ops/rollover/rollover.ts";
import { disksWithVolume } from "#ops/volumes/disks-with-volume.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

type Options = {
  readonly disk?: string;
  readonly volume?: string;
  readonly path?: string;
  readonly executor?: RolloverFacts["executor"];
  readonly resume?: true;
  readonly confirm?: string;
  readonly abandon?: true;
  readonly giveUp?: string;
};

/** `key rollover NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a key, or the version of it that is to be replaced")
    .option("--disk <name>", "of the machine, as the key side names it, where the key opens several volumes")
    .option("--volume <name>", "of the disk")
    .option("--path <path>", "the image or block device; where it is left out, the vault says where the disk is")
    .addOption(
      new Option(
        "--executor <who>",
        "who changes the volume; steps are for a person, such as in a running guest",
      ).choices(["cryptsetup", "steps"]),
    )
    .option("--resume", "go on with one that was begun")
    .option("--confirm <path>", "a step was done by hand: look at the live disk, or a fresh copy of its header")
    .option("--abandon", "undo what was done to the volume, and leave the old version")
    .option("--give-up <why>", "abandon it without a look at the volume, which is lost, say")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key rollover web01", "on this host, of a disk that nobody uses"],
          ["lockstep key rollover web01 --path /dev/vg/web01", ""],
          ["lockstep key rollover dc01 --executor steps", "says what to do in the guest"],
          ["lockstep key rollover dc01 --confirm dc01.raw", "looks, and says the next step"],
          ["lockstep key rollover web01 --resume", "after a crash, or once another custodian approved"],
        ],
        [
          "0 done; or the next step was said",
          "75 somebody uses the disk, no keyslot is free, no copy is durable, or it waits for another custodian",
        ],
      ),
    )
    .action(
      run(async (app, name: string, options: Options) => {
        refuseSeveral(options);
        const { signal } = app;
        const client = await app.keySide("custodian");
        const folder = join(app.config.state.value, "rollovers");
        const target = await findTarget(client, folder, name, options, signal);
        if (options.giveUp !== undefined) return giveUp(app, client, target, options.giveUp);
        const deps: RolloverDeps = { client, backupFolder: folder };
        const { volume, machine } = await findVolume(app, target.binding, options);
        const executor = executorOf(target, options);
        const rollover = await begun(deps, volume, target, executor, signal);
        const aim: RolloverAim = options.abandon === true ? "back" : "forward";
        const what = { rollover: rollover.id, aim };
        const look =
          executor === "cryptsetup" && options.confirm === undefined
            ? await runRollover(deps, volume, what, (each) => noteTask(app, each), signal)
            : await lookAtRollover(deps, volume, what, signal);
        return finish(app, client, look, { path: volume.path, machine, folder });
      }),
    );
};

/** @throws {LockstepError} ARGUMENT_INVALID */
function refuseSeveral({ resume, confirm, abandon, giveUp }: Options): void {
  const given = [resume, confirm, abandon, giveUp].filter((each) => each !== undefined);
  if (given.length < 2) return;
  throw new LockstepError("ARGUMENT_INVALID", "rolling over: of --resume, --confirm, --abandon and --give-up give one");
}

async function findTarget(
  client: KeyClient,
  folder: string,
  name: string,
  { disk, volume, resume, confirm, abandon, giveUp }: Options,
  signal: AbortSignal,
): Promise<RolloverTarget> {
  const { rollovers } = await client.call("rollover.list", {}, signal);
  await removeProvenHeaders(folder, rollovers);
  const { versions } = await client.call("key.show", { name }, signal);
  const begunOnly = [resume, confirm, abandon, giveUp].some((each) => each !== undefined);
  return chooseTarget({ name, disk: disk ?? null, volume: volume ?? null, begunOnly }, versions, rollovers);
}

function executorOf({ binding, underWay }: RolloverTarget, { executor }: Options): RolloverFacts["executor"] {
  return executor ?? underWay?.executor ?? (binding.volumeFormat === "bitlocker" ? "steps" : "cryptsetup");
}

async function begun(
  deps: RolloverDeps,
  volume: RolloverVolume,
  { binding, underWay }: RolloverTarget,
  executor: RolloverFacts["executor"],
  signal: AbortSignal,
): Promise<RolloverFacts> {
  if (underWay?.executor === executor) return underWay;
  return beginRollover(deps, volume, { binding: binding.id, executor }, signal);
}

/** A volume, and the machine that it is of, as the vault calls that; null: the vault was not asked. */
type FoundVolume = { readonly volume: RolloverVolume; readonly machine: string | null };

/**
 * Where this host reaches the volume: as somebody says, else as the vault does. A key may be bound under other names than the vault has,
 * such as those of files that were imported before they were protected: then the volume itself says which disk it is.
 */
async function findVolume(app: App, binding: BindingFacts, { path, confirm }: Options): Promise<FoundVolume> {
  const { place, volumeIdentity: identity } = binding;
  const given = confirm ?? path;
  if (given !== undefined) {
    return { volume: { path: resolve(app.host.workingFolder, given), volume: null, identity }, machine: null };
  }
  const { logs } = await (await app.openVault()).machines();
  const machines = logs.map(({ fold }) => fold.machine);
  const { name: host } = app.host;
  const named = place === null ? null : diskNamed(machines, place);
  if (place !== null && named?.host === host) {
    return { volume: { path: named.path, volume: place.volume, identity }, machine: place.machine };
  }
  if (place !== null && named !== null) {
    throw unknownPlace(`the disk ${place.disk} of ${place.machine} is reached from ${named.host}`);
  }
  const [found, another] = await disksWithVolume(machines, { host, identity }, app.signal);
  if (found === undefined) throw unknownPlace("no disk that the vault backs up from this host has it");
  if (another === undefined) return { volume: { path: found.path, volume: null, identity }, machine: found.machine };
  const both = [found, another].map(({ machine, disk, path: at }) => `${at} (${disk} of ${machine})`);
  throw unknownPlace(`more than one disk has it: ${both.join(", ")}`);
}

function diskNamed(machines: readonly MachineDefinition[], place: VolumePlace): DiskDefinition | null {
  const machine = machines.find(({ name }) => name === place.machine);
  return (machine === undefined ? [] : disksInUse(machine)).find(({ name }) => name === place.disk) ?? null;
}

function unknownPlace(why: string): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `rolling over: where the volume is cannot be told: ${why}`, {
    hint: "Name the image or block device: --path.",
  });
}

function noteTask({ output }: App, { task, rollover }: RolloverLook): void {
  if (task.do === "add") output.note(`adding ${rollover.newVersion} as keyslot ${task.slot}`);
  if (task.do === "remove") output.note(`both versions open the volume; removing ${task.protector}`);
}

async function finish(
  { output, signal }: App,
  client: KeyClient,
  { rollover, task, live, notTried }: RolloverLook,
  { path, machine, folder }: { readonly path: string; readonly machine: string | null; readonly folder: string },
): Promise<ExitCode> {
  for (const message of notTried) output.warn({ code: "ROLLOVER_WARNING", message: `not tried: ${message}` });
  const headerBackup = await keptHeader(folder, rollover.id);
  const { refusal } = await client.call("version.needs", { version: rollover.oldVersion }, signal);
  const ended = { machine, refusal, headerBackup };
  const lines = task.do === "nothing" ? endedLines(rollover, ended) : stepLines(rollover, task);
  output.print(...lines);
  output.finish({ rollover, task, path, volume: live.volume, oldKeptBecause: refusal, notTried, headerBackup });
  return exitCodes.done;
}

async function giveUp(
  { output, signal }: App,
  client: KeyClient,
  { underWay }: RolloverTarget,
  reason: string,
): Promise<ExitCode> {
  if (underWay === null) throw new Error("only what is under way was looked for");
  const { rollover } = await client.call("rollover.abandon", { rollover: underWay.id, reason }, signal);
  const { refusal } = await client.call("version.needs", { version: rollover.oldVersion }, signal);
  output.print(
    `given up: ${rollover.oldVersion} and ${rollover.newVersion} are kept, since either may open the volume`,
  );
  output.finish({
    rollover,
    task: null,
    path: null,
    volume: null,
    oldKeptBecause: refusal,
    notTried: [],
    headerBackup: null,
  });
  return exitCodes.done;
}
