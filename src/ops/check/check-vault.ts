import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { isLockstepError, messageOf } from "#errors/errors.ts";
import { statementCheck } from "#ops/check/check-statements.ts";
import type { WrongStatement } from "#ops/check/check-statements.ts";
import { nothingKnown } from "#ops/machines/machines.ts";
import type { KnownMachine, KnownMachines } from "#ops/machines/machines.ts";
import type { ObjectKey } from "#store/contract.ts";
import { ENTRY_LIMIT_BYTES } from "#vault/entry/entry-format.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { checkTwins } from "#vault/healing/twin-objects.ts";
import type { TwinFault } from "#vault/healing/twin-objects.ts";
import { healKeyring } from "#vault/keyring/keyring-change.ts";
import { reopenKeyring } from "#vault/keyring/keyring-open.ts";
import { checkKeyringAgainst } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { readLog } from "#vault/log/log-reader.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import { listMachines, ROSTER_LIMIT_BYTES } from "#vault/log/roster.ts";
import { verifyLog } from "#vault/log/summary-check.ts";
import type { WrongSummary } from "#vault/log/summary-check.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { openObject } from "#vault/object/sealed.ts";
import { parseObjectKey } from "#vault/segments/known-objects.ts";
import { openMachine } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

export type CheckVaultOptions = {
  /** Put missing objects back from their second copies, and the reverse; replace damaged second copies. */
  readonly repair: boolean;
  /** What this host remembers: a log that is older is faulty. */
  readonly known?: KnownMachines;
  readonly progress: (step: CheckVaultStep) => void;
};

/** How far a check of the vault has come: machines whose logs were read, objects whose names were looked at. */
export type CheckVaultStep = {
  readonly phase: "machines" | "objects";
  readonly done: number;
  readonly of: number | null;
};

/** What reading a machine's log from its first entry shows. */
export type CheckedLog = {
  readonly machine: MachineId;
  /** As this host saw it last where its log cannot be read; null when it never did. */
  readonly name: string | null;
  /** Entries that were read and form one chain. */
  readonly entries: number;
  /** Why the log cannot be read, or not be written to, in words; null when all is well. */
  readonly fault: string | null;
  readonly wrongSummaries: readonly WrongSummary[];
  /** Verdicts that the key store did not give. */
  readonly wrongStatements: readonly WrongStatement[];
  /** The id of the key store whose word counts in it; null: there was none. */
  readonly keyStore: string | null;
  readonly warnings: readonly string[];
};

export type CheckVaultResult = {
  readonly ok: boolean;
  readonly keyring: {
    readonly generation: number;
    /** Damage that was got round, and why nothing may be written, in words. */
    readonly faults: readonly string[];
    /** Objects that were missing, or damaged second copies, and were put back. */
    readonly restored: readonly ObjectKey[];
  };
  readonly rosterFaults: readonly string[];
  readonly logs: readonly CheckedLog[];
  /** Objects that are missing or damaged while their twin is right. */
  readonly copies: readonly TwinFault[];
  /** Objects of machines that the roster does not have; they were left alone. */
  readonly stray: readonly ObjectKey[];
  /** Objects that no Lockstep writes; they were left alone, and hurt nothing. */
  readonly foreign: readonly ObjectKey[];
};

/**
 * Checks what all machines rest on: `vault.json` and the keyring's chain, the roster, every log from its first entry on,
 * every summary against it, and the key store's signatures of what it says of points. Does not look at points: see `check`.
 *
 * @param opened  the vault as it was opened; it is read again
 * @throws {LockstepError} what `reopenKeyring` and the store throw
 */
export async function checkVault(
  vault: Vault,
  opened: OpenedKeyring,
  { repair, known = nothingKnown, progress }: CheckVaultOptions,
  signal: AbortSignal,
): Promise<CheckVaultResult> {
  const { store } = vault;
  const found = await reopenKeyring(store, opened, signal);
  const restored = repair ? await restoreKeyring(vault, found, signal) : [];
  const keyring = restored.length === 0 ? found : await reopenKeyring(store, opened, signal);
  const faults = [...keyring.warnings, ...keyring.unstored.map(({ key }) => `${key} is missing`)];
  if (keyring.readOnlyReason !== null) faults.push(keyring.readOnlyReason);
  const { keys } = keyring;
  const remembered = await known.ids(); // before the roster, which then has what another process adds meanwhile
  const roster = await listMachines({ store, keys }, signal);
  const copies: TwinFault[] = [];
  const logs: CheckedLog[] = [];
  for (const machine of roster.machines) {
    const source = { store, keys, machine };
    copies.push(...(await rosterTwins(vault, source, repair, signal)));
    const checked = await checkLog(source, keyring, signal);
    const seen = await known.machine(machine);
    const rolledBack =
      checked.fault === null && seen !== null ? await whyRolledBack(vault, machine, seen, signal) : null;
    logs.push({ ...checked, name: checked.name ?? seen?.name ?? null, fault: rolledBack ?? checked.fault });
    if (checked.name !== null) copies.push(...(await entryTwins(vault, source, repair, signal)));
    progress({ phase: "machines", done: logs.length, of: roster.machines.length });
  }
  for (const machine of remembered) {
    const seen = roster.machines.includes(machine) ? null : await known.machine(machine);
    if (seen === null) continue;
    const fault = "this host has seen it in this vault, and the roster does not have it";
    logs.push({ machine, name: seen.name, entries: 0, fault, ...nothingRead });
  }
  const { stray, foreign } = await oddObjects(vault, new Set(roster.machines), progress, signal);
  const logsAreRight =
    logs.every((log) => log.fault === null && log.wrongSummaries.length + log.wrongStatements.length === 0) &&
    new Set(logs.flatMap(({ keyStore }) => keyStore ?? [])).size <= 1;
  const ok =
    faults.length + roster.warnings.length + stray.length === 0 &&
    logsAreRight &&
    copies.every((fault) => fault.repaired);
  const { generation } = keyring.keyring;
  return { ok, keyring: { generation, faults, restored }, rosterFaults: roster.warnings, logs, copies, stray, foreign };
}

/** Puts back what is missing of the keyring, and replaces damaged second copies, where the store lets us. */
async function restoreKeyring(vault: Vault, found: OpenedKeyring, signal: AbortSignal): Promise<readonly ObjectKey[]> {
  try {
    return await healKeyring(vault.store, found, vault, signal);
  } catch (error) {
    if (isLockstepError(error, "STORE_DENIED", "STORE_FULL", "STORE_UNAVAILABLE")) return [];
    throw error;
  }
}

const nothingRead = { wrongSummaries: [], wrongStatements: [], keyStore: null, warnings: [] } as const;

async function checkLog(source: LogSource, keyring: OpenedKeyring, signal: AbortSignal): Promise<CheckedLog> {
  const { machine, keys } = source;
  let fold: Fold | null;
  try {
    const statements = statementCheck(keys.vaultId, machine);
    const whole = await verifyLog(source, statements.visit, signal);
    ({ fold } = whole);
    const fault = fold === null ? "it has no entry" : checkKeyringAgainst(fold.keyring, keyring);
    return {
      machine,
      name: fold?.machine.name ?? null,
      entries: fold?.seq ?? 0,
      fault,
      wrongSummaries: whole.wrong,
      wrongStatements: statements.wrong,
      keyStore: fold?.keyStore?.store ?? null,
      warnings: whole.warnings,
    };
  } catch (error) {
    if (!isLockstepError(error, "LOG_CORRUPT", "VAULT_NEWER", "KEYRING_ROLLED_BACK", "STORE_UNAVAILABLE")) throw error;
    return { machine, name: null, entries: 0, fault: messageOf(error), ...nothingRead };
  }
}

/** Why the log is not the one that this host has seen; null when it is, or has gone on from there. */
async function whyRolledBack(
  vault: Vault,
  machine: MachineId,
  seen: KnownMachine,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await openMachine(vault, machine, seen.head, signal);
    return null;
  } catch (error) {
    if (isLockstepError(error, "LOG_ROLLED_BACK")) return messageOf(error);
    throw error;
  }
}

/** Second copies of log entries. The chain says what each must be. */
async function entryTwins(
  vault: Vault,
  source: LogSource,
  repair: boolean,
  signal: AbortSignal,
): Promise<readonly TwinFault[]> {
  if (!vault.store.traits.singleDisk) return [];
  const found: TwinFault[] = [];
  for await (const { entry, hash } of readLog(source, null, 0, () => undefined, signal)) {
    const key = objectKeys.logEntry(source.machine, entry.seq);
    const faultOf = (bytes: Uint8Array): string | null =>
      hex(sha256(bytes)) === hash ? null : "it is another entry than the log's";
    const { faults } = await checkTwins(vault, key, { limitBytes: ENTRY_LIMIT_BYTES, faultOf, repair }, signal);
    found.push(...faults);
  }
  return found;
}

async function rosterTwins(
  vault: Vault,
  { keys, machine }: LogSource,
  repair: boolean,
  signal: AbortSignal,
): Promise<readonly TwinFault[]> {
  const key = objectKeys.roster(machine);
  const faultOf = (bytes: Uint8Array): string | null => {
    try {
      openObject(keys, "rost", key, bytes);
      return null;
    } catch (error) {
      if (isLockstepError(error, "OBJECT_CORRUPT", "VAULT_NEWER")) return messageOf(error);
      throw error;
    }
  };
  const { bytes, faults } = await checkTwins(vault, key, { limitBytes: ROSTER_LIMIT_BYTES, faultOf, repair }, signal);
  return bytes === null ? [] : faults;
}

async function oddObjects(
  { store }: Vault,
  machines: ReadonlySet<MachineId>,
  progress: CheckVaultOptions["progress"],
  signal: AbortSignal,
): Promise<Pick<CheckVaultResult, "stray" | "foreign">> {
  const stray: ObjectKey[] = [];
  const foreign: ObjectKey[] = [];
  let done = 0;
  for await (const { key } of store.list("", {}, signal)) {
    progress({ phase: "objects", done: ++done, of: null });
    const object = parseObjectKey(key);
    if (object === null) foreign.push(key);
    else if ("machine" in object && object.what !== "roster" && !machines.has(object.machine)) stray.push(key);
  }
  return { stray, foreign };
}
