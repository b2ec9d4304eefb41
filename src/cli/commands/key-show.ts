import type { ShownVersion } from "#api/keys.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { dayOf } from "#cli/output/when.ts";
import { placeWords } from "#cli/shown/bound-lines.ts";
import { copyLines } from "#cli/shown/key-copies.ts";
import { kindWords, versionState } from "#cli/shown/shown-version.ts";

/** Needs of a version that are shown. */
const SHOWN_NEEDS = 10;

/** `key show NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "a key, or one version of it")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key show web01", ""],
          ["lockstep key show web01/v1 --json", "with the certificate of a destroyed version"],
        ],
        ["0 shown", "66 there is no such key"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide, now }, text: string) => {
        const { id, name, createdAt, versions } = await (
          await keySide("custodian")
        ).call("key.show", { name: text }, signal);
        output.print(...versions.flatMap((shown) => versionLines(shown, now())));
        output.finish({ key: { id, name, createdAt }, versions });
        return exitCodes.done;
      }),
    );
};

function versionLines({ version, bindings, needs, copies }: ShownVersion, now: Temporal.Instant): string[] {
  const made = `${version.origin === "generated" ? "made here" : "given"} ${dayOf(version.createdAt)}`;
  const shown = needs.slice(0, SHOWN_NEEDS);
  return [
    `${version.name}: ${kindWords[version.kind]}, ${made}, ${versionState(version, now)}`,
    ...(version.note === "" ? [] : [`  note: ${version.note}`]),
    ...bindings.flatMap((binding) => {
      const { id, protectorKind, protectorId, volumeFormat, retiredAt } = binding;
      const opens = `  opens ${placeWords(binding)}: ${volumeFormat}, ${protectorKind} ${protectorId}`;
      return retiredAt === null ? [opens, `    binding ${id}`] : [`${opens}, in points only`];
    }),
    ...shown.map(({ kind, what, expectedUntil }) => {
      const until = expectedUntil === null ? "" : `, expected until ${dayOf(expectedUntil)}`;
      return `  needed (${kind}): ${what}${until}`;
    }),
    ...(needs.length > shown.length ? [`  and by ${needs.length - shown.length} more`] : []),
    ...(version.destroyedAt === null ? [] : copyLines(copies)),
  ];
}
