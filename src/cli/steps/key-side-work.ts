import type { RolloverFacts } from "#api/rollover.ts";
import type { BindingFacts } from "#api/values.ts";
import type { App, OpenVault } from "#cli/app/app.ts";
import { placeWords, protectorWords } from "#cli/shown/bound-lines.ts";
import type { KeySideStatus } from "#cli/shown/key-side-status.ts";
import { keyOf } from "#cli/shown/rollover-lines.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { Need } from "#ops/health/machine-health.ts";
import { hasKitWay } from "#ops/keys/kit-way.ts";
import type { KnownKeyStore } from "#vault/entry/entry.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import type { Log } from "#vault/log/log.ts";
import type { MachineId } from "#vault/object/ids.ts";

/** What of a vault and its machines waits for somebody on the key side. */
export type KeySideWork = {
  /** Under way. */
  readonly rollovers: readonly RolloverFacts[];
  /** In words: rollovers, a kit that does not open the vault, what could not be asked. */
  readonly needs: readonly string[];
  readonly ofMachines: ReadonlyMap<MachineId, readonly Need[]>;
};

/**
 * Asks the key side what is under way, and which bindings the newest points show to be gone. Nothing of a key side that could not be asked
 * before.
 *
 * @throws {LockstepError} CANCELLED
 */
export async function keySideWork(
  app: App,
  { facts }: KeySideStatus,
  { keyring }: OpenVault,
  logs: readonly Log[],
): Promise<KeySideWork> {
  const needs: string[] = [];
  const ofMachines = new Map<MachineId, readonly Need[]>();
  if (facts === null) return { rollovers: [], needs, ofMachines };
  const { kit, store } = facts;
  const strange = logs.filter(({ fold: { keyStore } }) => keyStore !== null && !isSame(keyStore, store));
  if (strange.length > 0) {
    const names = strange.map(({ fold }) => fold.machine.name).join(", ");
    needs.push(
      `the key store that answers is not the one that the logs of ${names} know: if it was made on purpose, \`lockstep vault enrol\``,
    );
  }
  if (kit !== null && !hasKitWay(listWays(keyring), kit.id)) {
    needs.push(`the kit ${kit.id} does not open this vault: \`lockstep vault enrol --kit\` lets it`);
  }
  try {
    const client = await app.keySide("backup");
    const all = await client.call("rollover.list", {}, app.signal);
    const rollovers = all.rollovers.filter(({ endedAt }) => endedAt === null);
    needs.push(...rollovers.map(rolloverWords));
    for (const { machine, fold } of logs) {
      if (!fold.machine.protected) continue;
      const gone = await goneOf(client, keyring.vault.id, machine, app.signal);
      if (gone.length > 0) ofMachines.set(machine, gone.map(goneNeed));
    }
    return { rollovers, needs, ofMachines };
  } catch (error) {
    if (app.signal.aborted || !(error instanceof LockstepError)) throw error;
    needs.push(`the key side did not say what is under way: ${error.message}`);
    return { rollovers: [], needs, ofMachines };
  }
}

function isSame(
  known: KnownKeyStore,
  { id, signingKey }: { readonly id: string; readonly signingKey: string },
): boolean {
  return known.store === id && known.signingKey === signingKey;
}

/** None where another host reports for the vault. */
async function goneOf(
  client: KeyClient,
  vault: string,
  machine: MachineId,
  signal: AbortSignal,
): Promise<readonly BindingFacts[]> {
  try {
    return (await client.call("binding.gone", { vault, machine }, signal)).gone;
  } catch (error) {
    if (isLockstepError(error, "NOT_ALLOWED", "NAME_UNKNOWN")) return [];
    throw error;
  }
}

/** What is under way, where, since when, and what to do. */
function rolloverWords({ oldVersion, newVersion, binding, step, executor, begunAt }: RolloverFacts): string {
  const next = executor === "steps" ? "--confirm PATH` says the next step" : "--resume` goes on with it";
  return `the rollover from ${oldVersion} to ${newVersion} of ${placeWords(binding)} is under way since ${begunAt.slice(0, 10)}, and came to "${step}": \`lockstep key rollover ${keyOf(newVersion)} ${next}`;
}

/** What is bound and gone. */
export function goneWords(binding: BindingFacts): string {
  return `${binding.version} is bound to ${protectorWords(binding)} of ${placeWords(binding)}, which the newest point does not have`;
}

/** What to do about it. */
export function goneHint({ id }: BindingFacts): string {
  return `If it was removed on purpose: lockstep key unbind ${id} --reason "…". If not, the header is not as it should be.`;
}

function goneNeed(binding: BindingFacts): Need {
  return { kind: "binding-gone", words: goneWords(binding), hint: goneHint(binding) };
}
