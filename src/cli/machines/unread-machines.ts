import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import type { Output } from "#cli/output/output.ts";
import type { Machines } from "#ops/machines/machines.ts";

/**
 * Warns of machines whose log could not be opened.
 *
 * @returns  the status to exit with; null when there is none
 */
export function warnOfFaults(output: Output, { faults }: Machines): ExitCode | null {
  for (const { machine, name, error } of faults) {
    output.warn({
      code: error.code,
      message: `machine ${name ?? machine} cannot be read: ${error.message}`,
      hint: error.hint,
    });
  }
  const [first] = faults;
  return first === undefined ? null : exitCodes[first.error.kind];
}
