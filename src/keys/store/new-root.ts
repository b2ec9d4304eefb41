import { Secret } from "#bytes/secret.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { wrapKey } from "#keys/store/key-ring.ts";
import type { RootKey } from "#keys/store/key-ring.ts";
import type { Seal } from "#keys/store/seal.ts";
import { replaceSeals } from "#keys/store/seals.ts";

/** A wrapping key that was stored and that the open store does not use yet. */
export type NewWrappingKey = { readonly number: number; readonly key: Secret };

/**
 * Gives the store a new root key, sealed to `seals` and to nothing else. The old one opens nothing of what the database holds
 * afterwards. To be called inside a transaction; the store is open, and stays so.
 *
 * @param key  32 random bytes, the new root key
 */
export function replaceRoot(store: KeyStore, key: Secret, seals: readonly Seal[]): RootKey {
  const { db, deps, ring } = store;
  const { id, rootNumber } = store.facts();
  const root = { number: rootNumber + 1, key };
  db.prepare("UPDATE store SET root_number = ?").run(root.number);
  replaceSeals(db, id, seals, root, deps.random);
  const update = db.prepare("UPDATE wrapping_keys SET wrapped = ? WHERE number = ?");
  for (const [number, wrapped] of ring.wrapKeys(root, deps.random)) update.run(wrapped, number);
  return root;
}

/** Retires the wrapping key, and stores a new one. To be called inside a transaction, before `ring.add` of it. */
export function replaceWrappingKey({ db, deps, ring }: KeyStore, root: RootKey): NewWrappingKey {
  const nowMs = deps.now().epochMilliseconds;
  const number = ring.currentWrapping + 1;
  const key = new Secret(deps.random(32));
  db.prepare("UPDATE wrapping_keys SET retired_ms = ? WHERE retired_ms IS NULL").run(nowMs);
  db.prepare("INSERT INTO wrapping_keys VALUES (?, ?, NULL, ?)").run(
    number,
    nowMs,
    wrapKey(root, number, key, deps.random),
  );
  return { number, key };
}
