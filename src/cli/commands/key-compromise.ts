import type { SharedVolumeFacts } from "#api/rollover.ts";
import type { VersionFacts } from "#api/values.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { placeWords, protectorWords } from "#cli/shown/bound-lines.ts";
import { counted } from "#cli/shown/checked.ts";

/** Points of a volume that are shown to a person. */
const SHOWN_POINTS = 5;

/** `key compromise VERSION` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "the version that others may know")
    .requiredOption("--why <text>", "what happened, for the audit log")
    .addHelpText(
      "after",
      helpEnd(
        [['lockstep key compromise web01/v1 --why "found in a ticket"', "and what to do then"]],
        ["0 noted; it stays usable, for the points that need it"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, name: string, { why }: { readonly why: string }) => {
        const client = await keySide("custodian");
        const { version, volumes } = await client.call("key.compromise", { version: name, why }, signal);
        output.print(
          `${version.name} is noted as compromised.`,
          ...volumes.flatMap(volumeLines),
          ...whatToDo(version, volumes),
        );
        output.finish({ version, volumes });
        return exitCodes.done;
      }),
    );
};

function volumeLines({
  volumeFormat,
  volumeUuid,
  volumeIdentity,
  live,
  pointCount,
  points,
}: SharedVolumeFacts): string[] {
  const shown = points.slice(0, SHOWN_POINTS).map(({ name }) => name);
  const more = pointCount > shown.length ? ` and ${pointCount - shown.length} more` : "";
  return [
    `${volumeFormat} volume ${volumeUuid ?? volumeIdentity.slice(0, 12)}: whoever opened it may have taken its volume key, which opens`,
    ...live.map((binding) => `  ${placeWords(binding)}, live: ${protectorWords(binding)}, ${binding.version}`),
    pointCount === 0
      ? "  no recovery point, as far as is known"
      : `  ${counted(pointCount, "recovery point")}: ${shown.join(", ")}${more}`,
  ];
}

function whatToDo({ name }: VersionFacts, volumes: readonly SharedVolumeFacts[]): string[] {
  if (volumes.every(({ live }) => live.length === 0)) {
    return ["It opens no live volume. The points above stay readable to whoever has it, until they are gone."];
  }
  const opensLive = volumes.some(({ live }) => live.some(({ version }) => version === name));
  return [
    "What to do:",
    ...(opensLive
      ? [`  1. lockstep key rollover ${name}: then it opens the live volume no more, but old headers still do`]
      : []),
    `  ${opensLive ? 2 : 1}. re-encrypt each live volume (docs/rollover.md), which gives it another volume key`,
    `  ${opensLive ? 3 : 2}. bind it anew (lockstep key bind) and back it up: that backup is a full one`,
    "The points above stay readable to whoever has it, until they are gone.",
  ];
}
