import type { InputOf } from "#api/routes.ts";
import type { VersionFacts } from "#api/values.ts";
import type { App } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { parseWhenOrNever } from "#cli/output/when.ts";
import { versionState } from "#cli/shown/shown-version.ts";
import { dryRunOption, endForeseen, foresee } from "#cli/steps/what-if.ts";
import type { Foreknown } from "#cli/steps/what-if.ts";
import { LockstepError } from "#errors/errors.ts";
import { lossBy, refuseOrder } from "#policy/version-change.ts";

type Options = {
  readonly enable?: true;
  readonly disable?: true;
  readonly activates?: string | null;
  readonly expires?: string | null;
  readonly note?: string;
  readonly dryRun?: true;
};

/** What of a version is to change; what is undefined stays. */
type Change = Omit<InputOf<"key.set">, "version">;

/** `key set VERSION` */
export const define: Define = (command, run) => {
  command
    .argument("<version>", "such as web01/v1")
    .option("--enable", "it may be used")
    .option("--disable", "it may not be used, until it is enabled again")
    .option("--activates <when>", "not to be used before this day or instant; or never", parseWhenOrNever)
    .option("--expires <when>", "when it should have been rolled over; or never", parseWhenOrNever)
    .option("--note <text>", "what people should know of it")
    .option(...dryRunOption)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key set web01/v1 --expires 2027-12-31", ""],
          ["lockstep key set web01/v1 --disable", "refused while something needs it"],
          ["lockstep key set web01/v1 --disable --dry-run", "whether it would be refused, and why"],
        ],
        [
          "0 changed. With --dry-run: it would be",
          "75 something needs the version. With --dry-run: it would be refused",
        ],
      ),
    )
    .action(
      run(async (app, text: string, { enable, disable, activates, expires, note, dryRun }: Options) => {
        const { output, signal, keySide, now } = app;
        if (enable === true && disable === true) {
          throw new LockstepError("ARGUMENT_INVALID", "changing a version: --enable and --disable exclude each other");
        }
        const change = {
          enabled: enable ?? (disable === true ? false : undefined),
          activatesAt: activates,
          expiresAt: expires,
          note,
        };
        if (Object.values(change).every((value) => value === undefined)) {
          throw new LockstepError("ARGUMENT_INVALID", "changing a version: nothing says how", {
            hint: "Give one of --enable, --disable, --activates, --expires and --note.",
          });
        }
        if (dryRun === true) return await foreseeChange(app, text, change);
        const client = await keySide("custodian");
        const { version } = await client.call("key.set", { version: text, ...change }, signal);
        output.print(`${version.name}: ${versionState(version, now())}`);
        output.finish({ dryRun: false, version });
        return exitCodes.done;
      }),
    );
};

/** Says what would come of a change. @throws {LockstepError} ARGUMENT_INVALID: it would expire before it becomes active */
async function foreseeChange({ output, signal, keySide, now }: App, text: string, change: Change): Promise<ExitCode> {
  const client = await keySide("custodian");
  const { version: name } = await client.call("version.needs", { version: text }, signal); // one, also where a key is named
  const { versions } = await client.call("key.show", { name }, signal);
  const facts = versions.map(({ version }) => version);
  const nowMs = now().epochMilliseconds;
  const known = (version: VersionFacts): Foreknown =>
    version.destroyedAt === null
      ? { takes: lossOf(version, change, nowMs) !== null, refusal: null }
      : { takes: false, refusal: "it was destroyed" };
  const foreseen = await foresee(client, facts, known, signal);
  const doing = facts.map((version) => lossOf(version, change, nowMs)).find((loss) => loss !== null);
  return endForeseen(output, { doing: doing ?? "changing", done: "changed" }, foreseen);
}

/** As `lossBy`. @throws {LockstepError} ARGUMENT_INVALID: it would expire before it becomes active */
function lossOf({ enabled, ...version }: VersionFacts, change: Change, nowMs: number): string | null {
  const before = { enabled, activatesMs: msOf(version.activatesAt), expiresMs: msOf(version.expiresAt) };
  const after = {
    enabled: change.enabled ?? enabled,
    activatesMs: change.activatesAt === undefined ? before.activatesMs : msOf(change.activatesAt),
    expiresMs: change.expiresAt === undefined ? before.expiresMs : msOf(change.expiresAt),
  };
  refuseOrder(after.activatesMs, after.expiresMs);
  return lossBy(before, after, nowMs);
}

function msOf(instant: string | null): number | null {
  return instant === null ? null : Temporal.Instant.from(instant).epochMilliseconds;
}
