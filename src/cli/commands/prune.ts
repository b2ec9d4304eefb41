import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { eachMachine, refuseAllWithNames } from "#cli/machines/each-machine.ts";
import type { Done } from "#cli/machines/each-machine.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { pruneLines, shownPrune } from "#cli/shown/pruned.ts";
import { LockstepError } from "#errors/errors.ts";
import { namesOfPoints } from "#ops/points/find-point.ts";
import { upcomingDepartures } from "#ops/points/upcoming-departures.ts";
import { clockDoubt } from "#vault/fold/stalled-session.ts";
import { prune } from "#ops/prune/prune.ts";
import type { Log } from "#vault/log/log.ts";

type Options = { readonly all?: true; readonly dryRun?: true; readonly closeStalled?: true };

/** `prune [NAME...]` */
export const define: Define = (command, run) => {
  command
    .argument("[names...]", "machines; all where none is named")
    .option("--all", "all machines")
    .option("--dry-run", "say what would go, to the byte, and change nothing")
    .option("--close-stalled", "give up a backup that is open: a person knows that it is dead")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep prune --dry-run", ""],
          ["lockstep prune web01", ""],
        ],
        ["0 done", "75 dates are in doubt, so no point was let go"],
      ),
    )
    .action(
      run(async (app, names: readonly string[], options: Options) => {
        refuseAllWithNames("pruning", names, options.all === true);
        const opened = await app.openVault({ cacheNodes: true });
        const { results, status } = await eachMachine(app, opened, names, (log) => pruneOne(app, opened, log, options));
        app.output.finish({ dryRun: options.dryRun === true, machines: results });
        return status;
      }),
    );
};

async function pruneOne(app: App, opened: OpenVault, log: Log, { dryRun, closeStalled }: Options): Promise<Done> {
  const { output, now, signal } = app;
  const { name } = log.fold.machine;
  const names = namesOfPoints(log);
  const options = {
    dryRun: dryRun === true,
    closeStalled: closeStalled === true,
    progress: stepNotes(output, name),
  };
  const pruned = await prune(opened.vault, log, options, signal);
  const going = new Set([...pruned.deleted, ...pruned.purged].map(({ point }) => point));
  const upcoming = upcomingDepartures(log, now()).filter(({ point }) => !options.dryRun || !going.has(point));
  for (const message of pruned.warnings) output.warn({ code: "PRUNE_WARNING", message: `${name}: ${message}` });
  output.print(...pruneLines(name, pruned, names, upcoming, options.dryRun));
  if (!options.dryRun) await reportWhatIsLeft(app, opened, log);
  const waits = clockDoubt(log.fold, now()) !== null;
  return { result: shownPrune(pruned, names, upcoming), status: waits ? exitCodes.conflict : exitCodes.done };
}

/** Tells the key side what is left, so that what needs a key is true at once. Whatever comes of it, the points are gone. */
async function reportWhatIsLeft(app: App, opened: OpenVault, log: Log): Promise<void> {
  const { stepMachine } = await import("#cli/steps/in-step.ts");
  try {
    await stepMachine(app, opened, log, [], { anew: false, progress: () => undefined });
  } catch (error) {
    if (app.signal.aborted || !(error instanceof LockstepError)) throw error;
    const { code, message, hint } = error;
    app.output.warn({
      code,
      message: `${log.fold.machine.name}: the key side was not told what is left: ${message}`,
      hint,
    });
  }
}
