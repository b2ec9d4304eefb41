import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { undeletePoint } from "#ops/points/delete-points.ts";
import { findPoint } from "#ops/points/find-point.ts";

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
        const { output, signal } = app;
        const opened = await app.openVault();
        const machines = await opened.machines();
        const found = texts.map((text) => findPoint(machines, text, "deleted"));
        const points = [];
        for (const { log, point, name } of found) {
          const { changed } = await undeletePoint(log, point.point, signal);
          output.print(changed ? `${name} is back.` : `${name} was not deleted.`);
          points.push({ id: point.point, name, changed });
        }
        output.finish({ points });
        return exitCodes.done;
      }),
    );
};
