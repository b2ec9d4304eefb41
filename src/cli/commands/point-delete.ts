import { userInfo } from "node:os";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { parseReason } from "#cli/program/options.ts";
import { LockstepError } from "#errors/errors.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { findPoint } from "#ops/points/find-point.ts";
import { purgeDueAt, SOFT_DELETE_DAYS } from "#policy/soft-delete.ts";

/** `point delete POINT...` */
export const define: Define = (command, run) => {
  command
    .argument("<points...>", "web01@2026-11-23T14:05, web01@latest, or the start of an id; no bare machine's name")
    .option("--reason <text>", "why, for the log", parseReason)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep point delete web01@2026-11-23T14:05", ""],
          ["lockstep point delete 3f6b0f3e 8d0c4a52 --reason 'taken by mistake'", ""],
        ],
        [`0 deleted; for ${SOFT_DELETE_DAYS} days \`point undelete\` takes it back`, "66 there is no such point"],
      ),
    )
    .action(
      run(async (app, texts: readonly string[], options: { readonly reason?: string }) => {
        const { output, signal, host } = app;
        const opened = await app.openVault();
        const machines = await opened.machines();
        // All are found before any is deleted: "latest" must not move on meanwhile.
        const found = texts.map((text) => {
          if (machines.logs.some(({ machine, fold }) => fold.machine.name === text || machine === text)) {
            throw new LockstepError("ARGUMENT_INVALID", `deleting ${text}: that is a machine, not a point`, {
              hint: `Its newest point is ${text}@latest; \`lockstep point list ${text}\` shows all.`,
            });
          }
          return findPoint(machines, text);
        });
        const reason = options.reason ?? `${userInfo().username} on ${host.name}`;
        const deleted = [];
        for (const { log, point, name } of found) {
          const { point: state, changed, warnings } = await deletePoint(log, point.point, reason, signal);
          for (const message of warnings) output.warn({ code: "POINT_DELETED", message: `${name}: ${message}` });
          const until = purgeDueAt(Temporal.Instant.from(state.deleted?.at ?? state.capturedAt));
          output.print(
            `${changed ? `Deleted ${name}.` : `${name} was deleted already.`} ` +
              `Until ${until.toString({ smallestUnit: "minute" })} this takes it back: lockstep point undelete ${point.point.slice(0, 12)}`,
          );
          deleted.push({ id: point.point, name, changed, undeleteUntil: until.toString() });
        }
        output.finish({ points: deleted });
        return exitCodes.done;
      }),
    );
};
