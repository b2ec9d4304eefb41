import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { eachMachine, refuseAllWithNames, worst } from "#cli/machines/each-machine.ts";
import type { Done } from "#cli/machines/each-machine.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { checkLines, keyLines, shownCheck } from "#cli/shown/checked.ts";
import { warnOfRed } from "#cli/shown/light-words.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import type { SteppedMachine } from "#cli/steps/in-step.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { check } from "#ops/check/check.ts";
import type { CheckOptions, CheckResult, DataPart } from "#ops/check/check.ts";
import type { Machines } from "#ops/machines/machines.ts";
import { findPoint, namesOfPoints } from "#ops/points/find-point.ts";
import type { FoundPoint } from "#ops/points/find-point.ts";
import { lightTermsOf, pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { renewalTerms } from "#policy/light.ts";
import type { LightReason } from "#policy/light.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";

type Options = {
  readonly all?: true;
  readonly readData?: DataPart | true;
  readonly unreadIsDamaged?: true;
  readonly lookOnly?: true;
  readonly stale?: true;
  readonly anew?: true;
};

/** `check [NAME|POINT...]` */
export const define: Define = (command, run) => {
  command
    .argument("[what...]", "machines or points; all machines where nothing is named")
    .option("--all", "all machines")
    .option("--stale", "only have points opened that were not opened lately, and look at nothing else")
    .option("--anew", "derive keys anew, also where the same header was opened lately")
    .option(
      "--read-data [part]",
      "read the blocks too; with N/M only the Nth of M parts, the same ones each time",
      parsePart,
    )
    .option(
      "--unread-is-damaged",
      "the disk below the vault is failing: note blocks that it refuses to give as damaged, for the next backup to heal",
    )
    .option("--look-only", "write nothing: neither note damage for the next backup to heal, nor put copies back")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep check", "all points: bodies, trees, and that the data is there"],
          ["lockstep check web01 --read-data", "and every byte of it"],
          ["lockstep check --all --read-data=3/7", "a seventh a day"],
          ["lockstep check web01@2026-11-23", "what one point needs"],
          ["lockstep check --stale", "nightly: does a key that we hold open every point?"],
        ],
        [
          "0 all is well",
          "2 a point is red for its keys, or the key side could not be asked",
          "65 something is damaged",
          "75 the store did not answer for some of it",
        ],
      ),
    )
    .action(
      run(async (app, texts: readonly string[], options: Options) => {
        refuseAllWithNames("checking", texts, options.all === true);
        refuseOddCombinations(options);
        const opened = await app.openVault();
        const { names, points } = await sorted(opened, texts);
        const results: object[] = [];
        const statuses: Done["status"][] = [];
        if (names.length > 0 || points.length === 0) {
          const done = await eachMachine(app, opened, names, (log) => checkOne(app, opened, log, null, options));
          results.push(...done.results);
          statuses.push(done.status);
        }
        for (const point of points) {
          const { result, status } = await checkOne(app, opened, point.log, point, options);
          const { log } = point;
          results.push({ machine: log.fold.machine.name, machineId: log.machine, ...result, error: null });
          statuses.push(status);
        }
        app.output.finish({ ok: statuses.every((status) => status === exitCodes.done), checks: results });
        return worst(statuses);
      }),
    );
};

/** @throws {LockstepError} ARGUMENT_INVALID */
function parsePart(text: string): DataPart {
  const [, part, of] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (part !== undefined && of !== undefined && Number(part) <= Number(of))
    return { part: Number(part), of: Number(of) };
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a part of the data`, {
    hint: "Write --read-data=1/7, up to 7/7: seven parts that are all of it together.",
  });
}

/** Tells machines from points. */
async function sorted(
  opened: OpenVault,
  texts: readonly string[],
): Promise<{ readonly names: readonly string[]; readonly points: readonly FoundPoint[] }> {
  if (texts.length === 0) return { names: [], points: [] };
  const machines = await opened.machines();
  const names = texts.filter((text) => isMachine(machines, text));
  return { names, points: texts.filter((text) => !names.includes(text)).map((text) => findPoint(machines, text)) };
}

function isMachine({ logs }: Machines, text: string): boolean {
  return logs.some(({ machine, fold }) => fold.machine.name === text || machine === text);
}

/** @throws {LockstepError} ARGUMENT_INVALID */
function refuseOddCombinations({ stale, lookOnly, readData }: Options): void {
  if (stale !== true || (lookOnly !== true && readData === undefined)) return;
  throw new LockstepError(
    "ARGUMENT_INVALID",
    "checking: --stale looks at no data, and writes what it finds into the log",
    {
      hint: "Give --stale alone, or leave it out.",
    },
  );
}

async function checkOne(
  app: App,
  opened: OpenVault,
  log: Log,
  point: FoundPoint | null,
  options: Options,
): Promise<Done> {
  const bytes = options.stale === true ? null : await checkBytes(app, opened, log, point, options);
  const keys =
    options.lookOnly === true || opened.readOnlyReason !== null
      ? null
      : await checkKeys(app, opened, log, point, options);
  const result = { point: point?.name ?? null, ...bytes?.result, keys: keys?.result ?? null };
  const isWell = [bytes, keys].every((each) => each === null || each.status === exitCodes.done);
  const statuses = [bytes, keys].flatMap((each) => each?.status ?? []);
  return { result: { ...result, ok: isWell }, status: worst(statuses) };
}

/** Whether what points need is in the vault. */
async function checkBytes(
  { output, signal }: App,
  { vault, readOnlyReason }: OpenVault,
  log: Log,
  point: FoundPoint | null,
  { readData, unreadIsDamaged, lookOnly }: Options,
): Promise<Done> {
  const { name } = log.fold.machine;
  const writes = lookOnly !== true && readOnlyReason === null;
  const options: CheckOptions = {
    point: point?.point.point ?? null,
    readData: readData === true ? { part: 1, of: 1 } : (readData ?? null),
    unreadIsDamage: unreadIsDamaged === true,
    record: writes,
    repair: writes,
    progress: stepNotes(output, name),
  };
  const names = namesOfPoints(log);
  const found = await check(vault, log, options, signal);
  for (const message of found.warnings) output.warn({ code: "CHECK_WARNING", message: `${name}: ${message}` });
  output.print(...checkLines(point?.name ?? name, found, names, options));
  return { result: shownCheck(found, names), status: statusOf(found) };
}

/** Whether keys that are held open the points. */
async function checkKeys(
  app: App,
  opened: OpenVault,
  log: Log,
  point: FoundPoint | null,
  { stale, anew }: Options,
): Promise<Done> {
  const { output, now } = app;
  const before = pointLights(log.fold, now(), renewalTerms(lightTermsOf(log.fold)));
  const states = point === null ? [...log.fold.points.values()].sort((a, b) => a.seq - b.seq) : [point.point];
  const chosen = states.filter((state) => stale !== true || wasNotOpenedLately(before(state)));
  const ids = chosen.map(({ point: id }) => id);
  const { hasKeySide, isWell } = await askKeySide(app, opened, log, ids, anew === true);
  const names = namesOfPoints(log);
  const after = pointLights(log.fold, now());
  const looked = ids.flatMap((id) => {
    const state = log.fold.points.get(id);
    return state === undefined ? [] : [{ id, name: names.get(id) ?? id, light: after(state) }];
  });
  warnOfRed(output, looked);
  const what = point?.name ?? log.fold.machine.name;
  if (stale === true && looked.length === 0) output.print(`${what}: no key needs to be tried again yet.`);
  else output.print(...keyLines(what, looked, { hasKeySide, isWell }));
  const isRed = looked.some(({ light }) => light.reasons.some(isOfKeys));
  return {
    result: { hasKeySide, points: looked.map(({ id, name, light }) => ({ id, name, ...shownLight(light) })) },
    status: isRed || !isWell ? exitCodes.attention : exitCodes.done,
  };
}

/** As `stepMachine`; where the vault cannot be written to, that is warned of, as it is of what the bytes show. */
async function askKeySide(
  app: App,
  opened: OpenVault,
  log: Log,
  points: readonly PointId[],
  anew: boolean,
): Promise<SteppedMachine> {
  const { stepMachine } = await import("#cli/steps/in-step.ts");
  try {
    const say = stepNotes(app.output, log.fold.machine.name);
    const progress = (done: number): void => say({ phase: "keys", done, of: points.length });
    return await stepMachine(app, opened, log, points, { anew, progress });
  } catch (error) {
    if (!isLockstepError(error, "STORE_DENIED", "STORE_FULL", "STORE_UNAVAILABLE", "KEYRING_ROLLED_BACK")) throw error;
    const message = `${log.fold.machine.name}: what opens its points could not be logged: ${error.message}`;
    app.output.warn({ code: "CHECK_WARNING", message });
    return { hasKeySide: log.fold.receipts.size > 0, isWell: true };
  }
}

/** Another try may find out more: not where only bytes are in question, or where no key is of use. */
function wasNotOpenedLately({ reasons }: PointLight): boolean {
  const others: readonly LightReason["code"][] = [
    "BYTES_DAMAGED",
    "BYTES_NOT_CHECKED",
    "TORN",
    "UNPROVEN",
    "UNSUPPORTED",
  ];
  return reasons.some(({ code }) => !others.includes(code));
}

/** Damage is said of the bytes, with an exit code of its own. */
function isOfKeys({ light, code }: LightReason): boolean {
  return light === "red" && code !== "BYTES_DAMAGED";
}

/** Damage outranks what could not be looked at. */
function statusOf({ ok, damage, bodies, copies, unread }: CheckResult): Done["status"] {
  if (ok) return exitCodes.done;
  const isDamaged =
    damage.length > 0 || bodies.length > 0 || copies.some(({ what, repaired }) => what !== "unread" && !repaired);
  return isDamaged || unread.length === 0 ? exitCodes.corrupt : exitCodes.unavailable;
}
