import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { shownFate, stayWords } from "#cli/shown/shown-fate.ts";
import { undeletePoint } from "#ops/points/delete-points.ts";
import { findPoint } from "#ops/points/find-point.ts";
import { listPoints } from "#ops/points/points.ts";

/** `point undelete POINT...` */
export const define: Define = (command, run) => {
  command
    .argument("<points...>", "web01@2026-11-23T14:05, or the start of an id, as `point list --deleted` shows them")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep point undelete web01@2026-11-23T14:05", ""]],
        ["0 it is as if it had not been deleted", "66 there is no such point, or it is purged"],
      ),
    )
    .action(
      run(async (app, texts: readonly string[]) => {
        const { output, signal, now } = app;
        const opened = await app.openVault();
        const machines = await opened.machines();
        const found = texts.map((text) => findPoint(machines, text, "deleted"));
        const points = [];
        for (const { log, point, name } of found) {
          const { changed } = await undeletePoint(log, point.point, signal);
          const listed = listPoints(log, "live", now()).find(({ state }) => state.point === point.point);
          output.print(
            `${name} ${changed ? "is back" : "was not deleted"}${listed === undefined ? "." : stayWords(log, listed)}`,
          );
          points.push({ id: point.point, name, changed, ...(listed === undefined ? {} : shownFate(listed)) });
        }
        output.finish({ points });
        return exitCodes.done;
      }),
    );
};
