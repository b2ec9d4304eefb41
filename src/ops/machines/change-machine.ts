import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";

/**
 * Changes a machine's definition. Two who do so at the same time both succeed: the change is made anew to what the other
 * one left.
 *
 * @returns  the definition as it is then
 * @throws {LockstepError} what `change` and `Log.append` throw
 */
export async function changeMachine(
  log: Log,
  change: (machine: MachineDefinition) => MachineDefinition,
  signal: AbortSignal,
): Promise<MachineDefinition> {
  await log.append((fold) => ({ type: "machine", machine: change(fold.machine) }), signal);
  return log.fold.machine;
}
