import type { App, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { eachMachine } from "#cli/machines/each-machine.ts";
import type { Done } from "#cli/machines/each-machine.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { stepNotes } from "#cli/output/step-notes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { counted } from "#cli/shown/checked.ts";
import { rekey, REKEY_LIMITS } from "#ops/unlock/rekey.ts";
import type { Log } from "#vault/log/log.ts";

/** `vault rekey` */
export const define: Define = (command, run) => {
  command
    .argument("[names...]", "machines; all where none is named")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep vault rekey", "after `vault unlock remove`: seals all with the newest data key"]],
        ["0 all has the newest data key", "3 some of it has not: the lines say what and why"],
      ),
    )
    .action(
      run(async (app, names: readonly string[]) => {
        const opened = await app.openVault();
        const { results, status } = await eachMachine(app, opened, names, (log) => rekeyOne(app, opened, log));
        app.output.warn({ code: "REKEY_WARNING", message: REKEY_LIMITS });
        app.output.finish({ machines: results });
        return status;
      }),
    );
};

async function rekeyOne({ output, signal }: App, { vault }: OpenVault, log: Log): Promise<Done> {
  const { name } = log.fold.machine;
  const note = stepNotes(output, name);
  const progress = ({ looked, rekeyed }: { readonly looked: number; readonly rekeyed: number }): void =>
    note({ phase: `segments looked at, ${rekeyed} sealed anew`, done: looked, of: null });
  const { epoch, segments, writtenBytes, leftAlone, unreadable, leftBytes, warnings } = await rekey(
    vault,
    log,
    { progress },
    signal,
  );
  for (const message of warnings) output.warn({ code: "REKEY_WARNING", message: `${name}: ${message}` });
  output.print(
    `${name}: ${counted(segments, "segment")} sealed anew with data key ${epoch}, ${formatBytes(writtenBytes)}`,
    ...leftAlone.map(({ ref, why }) => `  left as it is: ${ref.kind} segment ${ref.segment}: ${why}`),
    ...unreadable.map((disk) => `  left as it is: disk ${disk}, of which a tree cannot be read`),
    ...(leftBytes > 0 ? [`  ${formatBytes(leftBytes)} with older keys stay: the store does not let them go`] : []),
  );
  const isWhole = leftAlone.length === 0 && unreadable.length === 0 && leftBytes === 0;
  return {
    result: {
      epoch,
      segments,
      writtenBytes,
      leftAlone: leftAlone.map(({ ref, why }) => ({ diskId: ref.disk, kind: ref.kind, segment: ref.segment, why })),
      unreadableDisks: unreadable,
      leftBytes,
    },
    status: isWhole ? exitCodes.done : exitCodes.notGreen,
  };
}
