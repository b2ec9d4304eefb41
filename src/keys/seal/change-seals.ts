import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { rekey } from "#keys/seal/rekey.ts";
import type { Rewrapped } from "#keys/seal/rewrap.ts";
import type { Caller } from "#keys/store/model.ts";
import { replaceRoot } from "#keys/store/new-root.ts";
import { makeSeal } from "#keys/store/seal.ts";
import type { NewSeal, Seal } from "#keys/store/seal.ts";

/**
 * Adds a way in which the store opens.
 *
 * @throws {LockstepError} NAME_TAKEN: the label, or the key file, is that of one; KEY_STORE_SEALED; and what `makeSeal` throws
 */
export async function addSeal(store: KeyStore, caller: Caller, given: NewSeal, signal: AbortSignal): Promise<Seal> {
  void store.ring;
  const seal = await makeSeal(store.facts().id, given, store.deps, signal);
  const what = { act: "store.addSeal", subject: seal.label, detail: { kind: seal.kind, id: seal.id } };
  using root = new Secret(store.deps.random(32));
  return act(store, caller, what, () => {
    const seals = store.seals();
    refuseTwin(seals, seal);
    replaceRoot(store, root, [...seals, seal]);
    return seal;
  });
}

/**
 * Removes a way in which the store opens, and rolls over the store's keys: whoever kept its secret opens no later state of
 * the database. What he copied before stays open to him.
 *
 * @param id  of the seal, or its label
 * @throws {LockstepError} NAME_UNKNOWN; UNLOCK_LAST: nothing else would open the store; KEY_STORE_SEALED
 */
export async function removeSeal(
  store: KeyStore,
  caller: Caller,
  id: string,
): Promise<{ readonly seal: Seal; readonly rewrapped: Rewrapped }> {
  const { seal, others } = removableSeal(store, id);
  const what = { act: "store.removeSeal", subject: seal.label, detail: { kind: seal.kind, id: seal.id } };
  return { seal, rewrapped: await rekey(store, caller, what, others) };
}

/**
 * A way in which the store opens, and those that are left without it.
 *
 * @param id  of the seal, or its label
 * @throws {LockstepError} as `removeSeal`
 */
export function removableSeal(store: KeyStore, id: string): { readonly seal: Seal; readonly others: readonly Seal[] } {
  void store.ring;
  const seals = store.seals();
  const seal = seals.find((each) => each.id === id || each.label === id);
  if (seal === undefined) {
    throw new LockstepError("NAME_UNKNOWN", `the key store has no unlock way ${id}`, {
      hint: "`lockstep keystore show` lists them.",
    });
  }
  const others = seals.filter((each) => each !== seal);
  if (others.length === 0) {
    throw new LockstepError("UNLOCK_LAST", `the unlock way ${seal.label} of the key store is the last one`, {
      hint: "Add another one first: without one, nobody could open the key store again.",
    });
  }
  return { seal, others };
}

function refuseTwin(seals: readonly Seal[], { label, publicKey }: Seal): void {
  const twin = seals.find((each) => each.label === label || equalBytes(each.publicKey, publicKey));
  if (twin === undefined) return;
  const why = twin.label === label ? "there is one of this name" : `its secret is that of ${twin.label}`;
  throw new LockstepError("NAME_TAKEN", `adding the unlock way ${label} of the key store: ${why}`);
}
