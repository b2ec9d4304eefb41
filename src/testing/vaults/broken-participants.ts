import { LockstepError } from "#errors/errors.ts";
import type { ListedObject, ObjectKey, Store } from "#store/contract.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import type { Intercept, StoreCall } from "#testing/stores/intercepted-store.ts";
import { pointOf } from "#testing/worlds/participants.ts";
import type { Participant } from "#testing/worlds/participants.ts";
import type { Client, WorldCopy } from "#testing/worlds/shared-world.ts";
import { Remover } from "#vault/collection/remover.ts";
import { sweep } from "#vault/collection/sweep.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import { markLive } from "#vault/tree/mark.ts";
import { openMachine } from "#vault/vault.ts";

/*
 * Participants that break a rule of the protocol each. Tests show that what they lose is found.
 */

const { signal } = new AbortController();

/** Does what another one does, through another view of the store. */
export function through(who: Participant, view: (store: Store, copy: WorldCopy) => Store, name: string): Participant {
  return {
    ...who,
    name,
    run: async (client, copy) => who.run(await reopened(client, copy, view(client.vault.store, copy)), copy),
  };
}

async function reopened({ vault, opened }: Client, copy: WorldCopy, store: Store): Promise<Client> {
  const own = { ...vault, store };
  return { vault: own, opened, log: await openMachine(own, copy.world.machine, null, signal) };
}

/** Marks and sweeps by a fold that it makes up. */
function sweepBy(name: string, madeUp: (fold: Fold, copy: WorldCopy) => Fold): Participant {
  return {
    name,
    refusals: [],
    run: async ({ vault, log }, copy) => {
      const { store, keyring } = vault;
      const { machine } = log;
      const source = { store, keys: keyring.keys, machine, log };
      const onSegment = (): void => undefined;
      const live = await markLive(source, (fold) => madeUp(fold, copy), { both: false, onSegment }, signal);
      const remover = new Remover(store);
      await sweep({ store, machine, remover }, live, { onKept: () => undefined, progress: () => undefined }, signal);
      return {};
    },
  };
}

/** Takes a point whose time is up for gone, without an entry that says so. */
export const expiryByClock = sweepBy("expiry by clock", (fold, { world }) => ({
  ...fold,
  points: fold.points.without(pointOf(world, "gone")),
}));

/** Takes sessions that it does not know for dead, and open ones too. */
export const sweepOfOrphans = sweepBy("sweep of orphans", (fold) => ({
  ...fold,
  seq: 0xffff_ffff,
  backup: null,
  maintenance: null,
}));

/** A keyring that never follows the vault's. */
export function withOldKeys(who: Participant): Participant {
  return {
    ...who,
    name: `${who.name} with old keys`,
    run: (client, copy) => {
      const { epochs, ...keys } = client.vault.keyring.keys;
      const { vaultId, root, currentEpoch, keyring: ref } = client.vault.keyring.keys;
      const old = { ...keys, vaultId, root, currentEpoch, keyring: ref, epochs: new Map(epochs) };
      const keyring: LogKeyring = { ...client.vault.keyring, keys: old };
      return who.run({ ...client, vault: { ...client.vault, keyring } }, copy);
    },
  };
}

/** Answers that an object is not there when the store does not answer at the call of that number. */
export function missingForUnanswered(index: number): (store: Store) => Store {
  return (store) => {
    const broken: Intercept = async (call, run) => {
      if (
        call.index !== index ||
        call.operation === "put" ||
        call.operation === "delete" ||
        call.operation === "list"
      ) {
        return run();
      }
      await Promise.resolve();
      return null as Awaited<ReturnType<typeof run>>;
    };
    return interceptedStore(store, broken);
  };
}

/** Gives no answer at the call of that number. */
export function unanswered(index: number): (store: Store) => Store {
  return (store) =>
    gatedStore(store, (call) => (call.index === index ? Promise.reject(noAnswer(call)) : Promise.resolve()));
}

function noAnswer({ operation, key }: StoreCall): LockstepError {
  return new LockstepError("STORE_UNAVAILABLE", `${operation} of ${key}: no answer`);
}

/** Says that an object was created where another's is. */
export function boastingStore(store: Store): Store {
  const boast: Intercept = async (call, run) => {
    const answer = await run();
    return call.operation === "put" ? ("created" as typeof answer) : answer;
  };
  return interceptedStore(store, boast);
}

/** Lists nothing of what is known: what others left is not seen. */
export function blindStore(store: Store, known: ReadonlySet<ObjectKey>): Store {
  const omit: Intercept = async (call, run) => {
    const answer = await run();
    if (call.operation !== "list" || !Array.isArray(answer)) return answer;
    return answer.filter(({ key }: ListedObject) => !known.has(key)) as typeof answer;
  };
  return interceptedStore(store, omit);
}
