import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import { entryHashes, lastListed } from "#vault/log/log-reader.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import { putEntry, putEntryCopy, sealEntry } from "#vault/log/log-writer.ts";
import type { LogWriter } from "#vault/log/log-writer.ts";
import { openLog } from "#vault/log/log.ts";
import type { Log } from "#vault/log/log.ts";
import { newId, parseId } from "#vault/object/ids.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { openObject, sealObject } from "#vault/object/sealed.ts";

/** The longest place in the roster that is read. */
export const ROSTER_LIMIT_BYTES = 4096;

/**
 * Creates a machine: its place in the roster, then its log's first entry. A crash between the two leaves a place in the
 * roster that `listMachines` passes over.
 *
 * Does not know whether another machine has the same name: two hosts may create one at the same time, and both stay.
 *
 * @throws {LockstepError} what `putDefinite` and `openLog` throw
 */
export async function createMachine(
  writer: LogWriter,
  definition: MachineDefinition,
  signal: AbortSignal,
): Promise<Log> {
  const { store, keyring, random, retry } = writer;
  const machine = newId<MachineId>(random);
  const key = objectKeys.roster(machine);
  const place = sealObject(keyring.keys, "rost", key, utf8(payloadOf(machine)), random);
  const put = (at: ObjectKey): Promise<"mine" | "another's"> => putDefinite(store, at, [place], {}, retry, signal);
  const first = sealEntry(writer, machine, null, { type: "machine", machine: definition });
  if ((await put(key)) !== "mine" || (await putEntry(writer, first, signal)) !== "mine") {
    throw new LockstepError("OBJECT_CONFLICT", `Creating a machine: the new random id ${machine} is taken already.`);
  }
  if (store.traits.singleDisk) await put(objectKeys.copy(key));
  await putEntryCopy(writer, first, signal);
  return openLog({ ...writer, machine, expect: { seq: 1, hash: first.hash } }, signal);
}

/** The machines of a vault, and what is wrong with their places in the roster, in words. */
export type Roster = { readonly machines: readonly MachineId[]; readonly warnings: readonly string[] };

/**
 * Lists the vault's machines, in the order of their ids. A place whose log was never begun is passed over; a broken one
 * still names its machine, whose log speaks for itself. So does one whose log the store denies to be read.
 *
 * @throws {LockstepError} what the store throws
 */
export async function listMachines({ store, keys }: Omit<LogSource, "machine">, signal: AbortSignal): Promise<Roster> {
  const machines: MachineId[] = [];
  const warnings: string[] = [];
  for (const machine of await placesIn(store, signal)) {
    if (!(await isBegun({ store, keys, machine }, signal))) continue;
    machines.push(machine);
    const fault = await faultOf({ store, keys, machine }, signal);
    if (fault !== null) warnings.push(fault);
  }
  return { machines, warnings };
}

/** Whether a machine has a log. One that lost its first entry still has. */
async function isBegun(source: LogSource, signal: AbortSignal): Promise<boolean> {
  try {
    return (await entryHashes(source, 1, signal)).length > 0 || (await lastListed(source, 0, signal)) > 0;
  } catch (error) {
    if (isLockstepError(error, "STORE_DENIED")) return true; // nobody may read what was never there
    throw error;
  }
}

/** Ids of which the roster has an object or a second copy, in order. */
async function placesIn(store: Store, signal: AbortSignal): Promise<readonly MachineId[]> {
  const found = new Set<MachineId>();
  for (const prefix of [objectKeys.rosterPrefix, objectKeys.copy(objectKeys.rosterPrefix)]) {
    for await (const { key } of store.list(prefix, {}, signal)) {
      const name = key.slice(prefix.length);
      if (/^[0-9a-f]{32}$/.test(name)) found.add(parseId<MachineId>(name, key));
    }
  }
  return [...found].sort();
}

/** What is wrong with a machine's place; null when it, or its second copy, is as it was written. */
async function faultOf({ store, keys, machine }: LogSource, signal: AbortSignal): Promise<string | null> {
  const key = objectKeys.roster(machine);
  let fault = `${key} is missing`;
  for (const at of [key, objectKeys.copy(key)]) {
    try {
      const bytes = await store.get(at, ROSTER_LIMIT_BYTES, signal);
      if (bytes === null) continue;
      if (fromUtf8(openObject(keys, "rost", key, bytes)) === payloadOf(machine)) return null;
      fault = `${key} names another machine`;
    } catch (error) {
      if (
        !isLockstepError(
          error,
          "OBJECT_CORRUPT",
          "OBJECT_TOO_LARGE",
          "VAULT_NEWER",
          "STORE_UNAVAILABLE",
          "STORE_DENIED",
        )
      )
        throw error;
      fault = messageOf(error);
    }
  }
  return fault;
}

function payloadOf(machine: MachineId): string {
  return JSON.stringify({ machine });
}
