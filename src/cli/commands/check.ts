import type { App, OpenVault } from "#cli/app.ts";
import { checkLines, shownCheck } from "#cli/checked.ts";
import { helpEnd } from "#cli/command.ts";
import type { Define } from "#cli/command.ts";
import { eachMachine, refuseAllWithNames, worst } from "#cli/each-machine.ts";
import type { Done } from "#cli/each-machine.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { stepNotes } from "#cli/step-notes.ts";
import { LockstepError } from "#errors/errors.ts";
import { check } from "#ops/check.ts";
import type { CheckOptions, CheckResult, DataPart } from "#ops/check.ts";
import { findPoint, namesOfPoints } from "#ops/find-point.ts";
import type { FoundPoint } from "#ops/find-point.ts";
import type { Machines } from "#ops/machines.ts";
import type { Log } from "#vault/log.ts";

type Options = {
  readonly all?: true;
  readonly readData?: DataPart | true;
  readonly unreadIsDamaged?: true;
  readonly lookOnly?: true;
};

/** `check [NAME|POINT...]` */
export const define: Define = (command, run) => {
  command
    .argument("[what...]", "machines or points; all machines where nothing is named")
    .option("--all", "all machines")
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
        ],
        ["0 all is well", "65 something is damaged", "75 the store did not answer for some of it"],
      ),
    )
    .action(
      run(async (app, texts: readonly string[], options: Options) => {
        refuseAllWithNames("checking", texts, options.all === true);
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

async function checkOne(
  app: App,
  { vault, readOnlyReason }: OpenVault,
  log: Log,
  point: FoundPoint | null,
  { readData, unreadIsDamaged, lookOnly }: Options,
): Promise<Done> {
  const { output, signal } = app;
  const { name } = log.fold.machine;
  const writes = lookOnly !== true && readOnlyReason === null;
  const options: CheckOptions = {
    point: point?.point.point ?? null,
    readData: readData === undefined ? null : readData === true ? { part: 1, of: 1 } : readData,
    unreadIsDamage: unreadIsDamaged === true,
    record: writes,
    repair: writes,
    progress: stepNotes(output, name),
  };
  const names = namesOfPoints(log);
  const found = await check(vault, log, options, signal);
  for (const message of found.warnings) output.warn({ code: "CHECK_WARNING", message: `${name}: ${message}` });
  output.print(...checkLines(point?.name ?? name, found, names, options));
  return { result: shownCheck(found, names, point?.name ?? null), status: statusOf(found) };
}

/** Damage outranks what could not be looked at. */
function statusOf({ ok, damage, bodies, copies, unread }: CheckResult): Done["status"] {
  if (ok) return exitCodes.done;
  const isDamaged =
    damage.length > 0 || bodies.length > 0 || copies.some(({ what, repaired }) => what !== "unread" && !repaired);
  return isDamaged || unread.length === 0 ? exitCodes.corrupt : exitCodes.unavailable;
}
