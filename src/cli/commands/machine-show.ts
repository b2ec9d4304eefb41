import type { Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { expectOption } from "#cli/program/options.ts";
import { lightName } from "#cli/shown/light-words.ts";
import type { NamedLight } from "#cli/shown/light-words.ts";
import { machineLines } from "#cli/shown/machine-lines.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { namesOfPoints } from "#ops/points/find-point.ts";
import { newestLive } from "#ops/points/newest-live.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** `machine show NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the machine's name or id")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep machine show web01", ""],
          ["lockstep machine show web01 --expect any", "takes an older copy of the vault as the right one"],
        ],
        ["0 shown", "65 its log cannot be read, or is older than this host has seen it", "66 there is no such machine"],
      ),
    )
    .action(
      run(async ({ output, openVault, now }, name: string, { expect }: { readonly expect?: Expectation }) => {
        const log = await (await openVault()).machine(name, expect);
        const machine = shownMachine(log);
        const live = [...log.fold.points.values()].filter(({ deleted }) => deleted === null);
        const newest = newestPoint(log, now());
        const newestWords =
          newest === null ? "none" : `${newest.name}, ${newest.point.consistency}, ${lightName(newest.light.light)}`;
        const more = [
          ["points", String(live.length)],
          ["newest", newestWords],
          ["head", machine.head],
        ] as const;
        output.print(...machineLines(log, more));
        output.finish({
          machine,
          points: live.length,
          lastPoint: newest === null ? null : shownPoint(newest.point, newest.name),
          light: newest === null ? null : shownLight(newest.light),
        });
        return exitCodes.done;
      }),
    );
};

/** The live point that was logged last, by its name, and its light; null where there is none. */
function newestPoint(log: Log, now: Temporal.Instant): (NamedLight & { readonly point: PointState }) | null {
  const point = newestLive(log.fold);
  if (point === null) return null;
  const name = namesOfPoints(log).get(point.point) ?? point.point;
  return { point, name, light: pointLights(log.fold, now)(point) };
}
