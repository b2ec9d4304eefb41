import type { Expectation, OpenVault } from "#cli/app/app.ts";
import type { Machines } from "#ops/machines/machines.ts";

/**
 * The machines among which a point is looked for: all, or with `--expect` the one that the point's name begins with, as that
 * option wants its log.
 *
 * @throws {LockstepError} what `OpenVault.machines` and `OpenVault.machine` throw
 */
export async function machinesToSearch(
  vault: OpenVault,
  text: string,
  expect: Expectation | undefined,
): Promise<Machines> {
  if (expect === undefined) return vault.machines();
  const [machine = text] = text.split("@");
  return { logs: [await vault.machine(machine, expect)], faults: [], warnings: [] };
}
