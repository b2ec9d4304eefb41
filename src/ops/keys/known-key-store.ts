import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KnownKeyStore } from "#vault/entry/entry.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

type Deps = { readonly log: Log; readonly client: KeyClient };

/**
 * Has a log know the key store that answers, and for how long its proofs count. The first one is believed; from then on only that one
 * is, since it alone can sign by its key, which stays through every `recover`. A log with receipts knew one before it could say which.
 *
 * @throws {LockstepError} KEY_STORE_OTHER: another one answers; what `Log.read`, `Log.append` and `KeyClient.call` throw
 */
export async function knowKeyStore({ log, client }: Deps, signal: AbortSignal): Promise<void> {
  const given = await ask(client, signal);
  await log.read(signal);
  await log.append((fold) => {
    const { keyStore } = fold;
    return (keyStore === null ? !knowsAnother(fold, given) : isRenewed(keyStore, given)) ? entryOf(given) : null;
  }, signal);
  const known = log.fold.keyStore;
  if (known !== null && isSame(known, given)) return;
  const found =
    known?.store === given.store ? "signs with another key than it did" : `is not the one that the log knows`;
  throw new LockstepError("KEY_STORE_OTHER", `the key store ${given.store.slice(0, 8)} that answers ${found}`, {
    hint: "If a new key store was made on purpose, `lockstep vault enrol` has the vault believe it from then on.",
  });
}

/**
 * Has a log believe another key store from here on, as a custodian says.
 *
 * @returns  whether it knew another one
 * @throws {LockstepError} KEY_STORE_OTHER: it has the id of the one that is known, and another key, which no key store ever gets; what
 *   `Log.read`, `Log.append` and `KeyClient.call` throw
 */
export async function adoptKeyStore({ log, client }: Deps, signal: AbortSignal): Promise<boolean> {
  const given = await ask(client, signal);
  const isOther = knowsAnother(await log.read(signal), given);
  if (isOther) await log.append(() => entryOf(given), signal);
  await knowKeyStore({ log, client }, signal);
  return isOther;
}

/** Whether a log knows another key store: by its entry, or where there is none, by receipts that are all of others. */
function knowsAnother({ keyStore, receipts }: Pick<Fold, "keyStore" | "receipts">, { store }: KnownKeyStore): boolean {
  return keyStore === null ? receipts.size > 0 && !receipts.has(store) : keyStore.store !== store;
}

async function ask(client: KeyClient, signal: AbortSignal): Promise<KnownKeyStore> {
  const { id: store, signingKey, proofIntervalDays: proofDays } = await client.call("store.show", {}, signal);
  return { store, signingKey, proofDays };
}

const entryOf = (given: KnownKeyStore) => ({ type: "keystore", compatible: true, ...given }) as const;

function isSame(a: KnownKeyStore, b: KnownKeyStore): boolean {
  return a.store === b.store && a.signingKey === b.signingKey;
}

/** The same one, with another policy. */
function isRenewed(known: KnownKeyStore, given: KnownKeyStore): boolean {
  return isSame(known, given) && known.proofDays !== given.proofDays;
}
