import type { PolicyFacts } from "#api/access.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { policyLines } from "#cli/shown/shown-policy.ts";
import { LockstepError } from "#errors/errors.ts";

/** `policy set NAME=VALUE...` */
export const define: Define = (command, run) => {
  command
    .argument("<name=value...>", "settings, each with a whole number")
    .addHelpText(
      "after",
      helpEnd([["lockstep policy set proofIntervalDays=3", ""]], ["0 changed", "75 it waits for another custodian"]),
    )
    .action(
      run(async ({ output, signal, keySide }, given: readonly string[]) => {
        const changes = given.map(parseSetting);
        const client = await keySide("custodian");
        refuseUnknown(changes, (await client.call("policy.show", {}, signal)).policy);
        const { policy } = await client.call("policy.set", Object.fromEntries(changes) as Partial<PolicyFacts>, signal);
        output.print(...policyLines(policy));
        output.finish({ policy });
        return exitCodes.done;
      }),
    );
};

/** Which settings there are, the key side knows. @throws {LockstepError} NAME_UNKNOWN */
function refuseUnknown(changes: readonly (readonly [name: string, value: number])[], known: PolicyFacts): void {
  const other = changes.find(([name]) => !Object.hasOwn(known, name));
  if (other === undefined) return;
  throw new LockstepError("NAME_UNKNOWN", `changing settings: there is no setting ${other[0]}`, {
    hint: `There are ${Object.keys(known).join(", ")}.`,
  });
}

/** @throws {LockstepError} ARGUMENT_INVALID */
function parseSetting(text: string): [name: string, value: number] {
  const [, name, value] = /^(\w+)=(\d{1,9})$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, Number(value)];
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a setting with its value`, {
    hint: "Write proofIntervalDays=3; `lockstep policy show` shows all.",
  });
}
