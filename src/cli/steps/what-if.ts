import type { NeededVersion } from "#api/needs.ts";
import type { VersionFacts } from "#api/values.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import type { Output } from "#cli/output/output.ts";
import type { KeyClient } from "#client/key-client.ts";

/** What an act on versions is called: `deleting`, `deleted`. */
export type ActWords = { readonly doing: string; readonly done: string };

/** What would come of an act on a version: what needs the version, and why the act would be refused. */
export type Foreseen = NeededVersion;

/** What is known of an act before what needs the version is looked at. */
export type Foreknown = {
  /** Whether it would take the version from what needs it. */
  readonly takes: boolean;
  /** Why the key store or the version as it is refuses it, in words; null: it does not. */
  readonly refusal: string | null;
};

/** The option of every command that can say what would come of it. */
export const dryRunOption = ["--dry-run", "only say what would come of it, and change nothing"] as const;

/**
 * Looks what would come of an act on versions if it were asked for now. Changes nothing, asks for no second person, and leaves
 * no entry in the audit log.
 *
 * @param known  what the act would do to a version
 * @throws {LockstepError} what `call` throws
 */
export async function foresee(
  client: KeyClient,
  versions: readonly VersionFacts[],
  known: (version: VersionFacts) => Foreknown,
  signal: AbortSignal,
): Promise<readonly Foreseen[]> {
  const { frozen } = await client.call("store.show", {}, signal);
  const freeze = frozen === null ? null : `the key store releases and destroys nothing: ${frozen}`;
  const foreseen: Foreseen[] = [];
  for (const facts of versions) {
    const { version, needs, refusal } = await client.call("version.needs", { version: facts.name }, signal);
    const { takes, refusal: own } = known(facts);
    const reasons = [own, ...(takes ? [freeze, refusal] : [])].filter((reason) => reason !== null);
    foreseen.push({ version, needs, refusal: reasons.length === 0 ? null : reasons.join("; ") });
  }
  return foreseen;
}

/** Says what would come of an act, and ends the command: as the act would, where it would be refused. */
export function endForeseen(output: Output, { doing, done }: ActWords, foreseen: readonly Foreseen[]): ExitCode {
  if (foreseen.length === 0) output.print(`There is nothing left to be ${done}.`);
  output.print(
    ...foreseen.map(({ version, needs, refusal }) => {
      if (refusal !== null) return `${capital(doing)} ${version} would be refused: ${refusal}.`;
      if (needs.length === 0) return `Nothing needs ${version}: it would be ${done}.`;
      return `${version} would be ${done}; what needs it would not lose it.`;
    }),
  );
  const refused = foreseen.filter(({ refusal }) => refusal !== null).length;
  if (refused > 0 && refused < foreseen.length) output.print(`So none of them would be ${done}: it is all or none.`);
  output.finish({ dryRun: true, refused: refused > 0, foreseen });
  return refused > 0 ? exitCodes.conflict : exitCodes.done;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
