import { compareText } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { forEachBounded } from "#ops/lanes/bounded.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { Log } from "#vault/log/log.ts";
import { listMachines } from "#vault/log/roster.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** Logs that are opened at the same time. */
const AT_ONCE = 8;

/** What a host remembers of a machine. */
export type KnownMachine = { readonly name: string; readonly head: Head };

/** What a host remembers of a vault's machines. */
export type KnownMachines = {
  ids(): Promise<readonly MachineId[]>;
  /** Null: nothing is known of it. */
  machine(id: MachineId): Promise<KnownMachine | null>;
};

/** The memory of a host that has never seen the vault. */
export const nothingKnown: KnownMachines = { ids: () => Promise.resolve([]), machine: () => Promise.resolve(null) };

export type MachineFault = {
  readonly machine: MachineId;
  /** As it was when this host saw it last; null when it never did. */
  readonly name: string | null;
  readonly error: LockstepError;
};

/** The machines of a vault. */
export type Machines = {
  /** In the order of their names. */
  readonly logs: readonly Log[];
  /** Machines whose log cannot be opened, in the order of their ids. */
  readonly faults: readonly MachineFault[];
  /** Damage that was got round, in words. */
  readonly warnings: readonly string[];
};

/**
 * Opens the logs of all machines. One that cannot be opened does not keep the others from it.
 *
 * @param known  what this host remembers: these machines must still be there, and their logs have the entries
 * @throws {LockstepError} what the store throws of the roster, or STORE_UNAVAILABLE of a log; CANCELLED
 */
export async function readMachines(vault: Vault, known: KnownMachines, signal: AbortSignal): Promise<Machines> {
  const remembered = await known.ids(); // before the roster, which then has what another process adds meanwhile
  const roster = await listMachines({ store: vault.store, keys: vault.keyring.keys }, signal);
  const logs: Log[] = [];
  const faults: MachineFault[] = [];
  const listed = new Set(roster.machines);
  await forEachBounded([...listed.union(new Set(remembered))], AT_ONCE, async (machine) => {
    const seen = await known.machine(machine);
    if (seen === null && !listed.has(machine)) return; // its file could not be understood: that counts as lost
    try {
      logs.push(await openMachine(vault, machine, seen?.head ?? null, signal));
    } catch (error) {
      if (!isLockstepError(error) || !isOfOneMachine(error)) throw error;
      faults.push({ machine, name: seen?.name ?? null, error });
    }
  });
  return {
    logs: logs.toSorted((a, b) => compareText(nameOf(a), nameOf(b)) || compareText(a.machine, b.machine)),
    faults: faults.toSorted((a, b) => compareText(a.machine, b.machine)),
    warnings: [...roster.warnings, ...logs.flatMap(({ warnings }) => warnings)],
  };
}

/** Whether it says nothing about the logs of other machines: a store that is away would be away for all of them. */
function isOfOneMachine({ kind, code }: LockstepError): boolean {
  return kind === "corrupt" || kind === "unsupported" || code === "STORE_DENIED";
}

/**
 * The machine of a name, or of an id written in full.
 *
 * @throws {LockstepError} NAME_UNKNOWN; NAME_AMBIGUOUS: several machines have the name; why its log cannot be opened
 */
export function machineNamed({ logs, faults }: Machines, name: string): Log {
  const named = logs.filter((log) => nameOf(log) === name);
  const [found = logs.find(({ machine }) => machine === name), other] = named;
  if (other !== undefined) {
    const ids = named.map(({ machine }) => machine).join(", ");
    throw new LockstepError("NAME_AMBIGUOUS", `several machines are called ${name}: ${ids}`, {
      hint: "Name one by its id, and give it another name with `lockstep machine rename`.",
    });
  }
  if (found !== undefined) return found;
  const fault = faults.find((each) => each.name === name || each.machine === name);
  if (fault !== undefined) throw fault.error;
  const unread = faults.map(({ machine, error }) => `${machine} (${error.message})`).join("; ");
  throw new LockstepError("NAME_UNKNOWN", `there is no machine ${name}`, {
    hint:
      unread === ""
        ? "`lockstep machine list` shows all machines."
        : `It may be one whose log cannot be read: ${unread}`,
  });
}

function nameOf(log: Log): string {
  return log.fold.machine.name;
}
