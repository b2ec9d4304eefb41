import { Secret } from "#bytes/secret.ts";
import { act } from "#keys/access/act.ts";
import type { AuditedAct } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { rewrapValues } from "#keys/seal/rewrap.ts";
import type { Rewrapped } from "#keys/seal/rewrap.ts";
import type { Caller } from "#keys/store/model.ts";
import { replaceRoot, replaceWrappingKey } from "#keys/store/new-root.ts";
import type { Seal } from "#keys/store/seal.ts";

/**
 * Rolls over the store's own keys: a new root key, sealed to `seals`, and a new wrapping key, by which all values are wrapped
 * anew; then the old one is removed.
 *
 * There is no moment in which a value cannot be read, and none after which an interruption does harm: the new keys are stored as
 * a whole, both wrapping keys stay until nothing is wrapped by the old one, and opening the store goes on where it was left.
 *
 * @param what  the act, for the audit log
 * @throws {LockstepError} KEY_STORE_SEALED
 */
export async function rekey(
  store: KeyStore,
  caller: Caller,
  what: AuditedAct,
  seals: readonly Seal[],
): Promise<Rewrapped> {
  const { ring } = store;
  using root = new Secret(store.deps.random(32));
  const wrapping = act(store, caller, what, () => replaceWrappingKey(store, replaceRoot(store, root, seals)));
  ring.add(wrapping.number, wrapping.key);
  return await rewrapValues(store);
}
