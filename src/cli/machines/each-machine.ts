import type { App, OpenVault } from "#cli/app/app.ts";
import { warnOfFaults } from "#cli/machines/unread-machines.ts";
import { reportOf } from "#cli/output/errors.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { LockstepError } from "#errors/errors.ts";
import { machineNamed } from "#ops/machines/machines.ts";
import type { Log } from "#vault/log/log.ts";

/** What a command did with one machine. */
export type Done = { readonly result: object; readonly status: ExitCode };

/**
 * Does the same with several machines, one after the other. A failure of one is said, and the others follow.
 *
 * @param names  all machines where there is none
 * @returns      what came of each, for JSON, and the status to exit with: that of the first failure, else of the first
 *               that is not 0
 * @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS: before anything is done; CANCELLED
 */
export async function eachMachine(
  { output, signal }: App,
  vault: OpenVault,
  names: readonly string[],
  work: (log: Log) => Promise<Done>,
): Promise<{ readonly results: readonly object[]; readonly status: ExitCode }> {
  const machines = await vault.machines();
  const logs = names.length === 0 ? machines.logs : [...new Set(names)].map((name) => machineNamed(machines, name));
  const statuses: ExitCode[] = [];
  const results: object[] = [];
  for (const log of logs) {
    try {
      const { result, status } = await work(log);
      results.push({ machine: log.fold.machine.name, machineId: log.machine, ...result, error: null });
      statuses.push(status);
    } catch (error) {
      if (signal.aborted || !(error instanceof LockstepError)) throw error;
      const { code, kind, message, hint, exitCode } = reportOf(error);
      output.complain(error, logs.length > 1 ? log.fold.machine.name : null);
      results.push({ machine: log.fold.machine.name, machineId: log.machine, error: { code, kind, message, hint } });
      statuses.push(exitCode);
    }
  }
  if (names.length === 0) {
    if (logs.length + machines.faults.length === 0)
      output.note("No machine is protected yet: lockstep protect NAME --disk PATH");
    statuses.push(warnOfFaults(output, machines) ?? exitCodes.done);
  }
  return { results, status: worst(statuses) };
}

/** The first failure; without one, the first that is not 0. */
export function worst(statuses: readonly ExitCode[]): ExitCode {
  return (
    statuses.find((status) => status >= exitCodes.invalid) ??
    statuses.find((status) => status !== exitCodes.done) ??
    exitCodes.done
  );
}

/** Refuses `--all` together with names. @throws {LockstepError} ARGUMENT_INVALID */
export function refuseAllWithNames(doing: string, names: readonly string[], all: boolean): void {
  if (!all || names.length === 0) return;
  throw new LockstepError("ARGUMENT_INVALID", `${doing}: --all and names are both there`, {
    hint: "Give one of them.",
  });
}
