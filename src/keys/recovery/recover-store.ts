import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { currentRows, inserter } from "#keys/copies/copy-fold.ts";
import type { FoldedRow } from "#keys/copies/copy-fold.ts";
import type { FoundChain } from "#keys/copies/copy-search.ts";
import { KeyStore } from "#keys/key-store.ts";
import type { KeyStoreDeps } from "#keys/key-store.ts";
import { wrappedTables } from "#keys/seal/wrapped-tables.ts";
import { SCHEMA_VERSION, inTransaction } from "#keys/store/database.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import type { NewSeal } from "#keys/store/seal.ts";
import { versionName } from "#keys/versions/versions.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";

const SIGNING_KEY = "signing key";

/**
 * Makes a key store of what copies hold: with new keys of its own, new ways to open it, and a new epoch. It is open, and frozen
 * until its vaults have reported. Identities of before are revoked: what they asked with is void.
 *
 * @param path   a file that is not there, or `:memory:`
 * @param epoch  a later one than any that was seen, and the random name of its claim (32 hex digits)
 * @throws {LockstepError} KEY_STORE_NEWER: the copies are of a later schema; COPY_REJECTED: they have no signing key;
 *   KEY_STORE_EXISTS, and what `KeyStore.create` throws
 */
export async function recoverStore(
  path: string,
  {
    chain,
    seals,
    epoch,
  }: {
    readonly chain: FoundChain;
    readonly seals: readonly NewSeal[];
    readonly epoch: { readonly number: number; readonly claim: string };
  },
  deps: KeyStoreDeps,
  signal: AbortSignal,
): Promise<KeyStore> {
  const { header } = chain.copies.at(-1) ?? chain.copies[0];
  refuseNewer(chain);
  using signingSeed = signingSeedIn(chain);
  const origin = {
    id: header.store as KeyStoreId,
    createdMs: Temporal.Instant.from(header.createdAt).epochMilliseconds,
    epoch: epoch.number,
    epochClaim: epoch.claim,
    frozen: FROZEN_AFTER_RECOVERY,
    signingSeed,
  };
  const store = await KeyStore.create(path, seals, deps, signal, origin);
  try {
    inTransaction(store.db, () => fill(store, chain));
    return store;
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

/**
 * The names of all key versions that copies have, also of those that were destroyed: `web01/v1`.
 *
 * @throws {LockstepError} KEY_STORE_NEWER: the copies are of a later schema
 */
export function versionsInCopies(chain: FoundChain): ReadonlySet<string> {
  refuseNewer(chain);
  const rows = currentRows(chain.copies);
  const names = new Map((rows.get("keys") ?? []).map(({ id, name }) => [id, String(name)]));
  return new Set(
    (rows.get("versions") ?? []).map(({ key, number }) =>
      versionName({ keyName: names.get(key ?? null) ?? "", number: Number(number) }),
    ),
  );
}

function refuseNewer({ copies }: FoundChain): void {
  const { schema } = (copies.at(-1) ?? copies[0]).header;
  if (schema <= SCHEMA_VERSION) return;
  throw new LockstepError("KEY_STORE_NEWER", `recovering the key store: its schema is ${schema}`, {
    hint: "A later version of Lockstep wrote the copy: use that one.",
  });
}

function fill(store: KeyStore, { copies }: FoundChain): void {
  const { db, deps } = store;
  db.exec("PRAGMA defer_foreign_keys = ON"); // tables refer to each other, and all of them are there at the end
  const insert = inserter(db);
  for (const [table, rows] of currentRows(copies)) {
    for (const row of rows) {
      if (table !== "own_secrets" || row["name"] !== SIGNING_KEY) insert(table, wrappedAnew(store, table, row));
    }
  }
  db.prepare("UPDATE identities SET revoked_ms = ? WHERE revoked_ms IS NULL").run(deps.now().epochMilliseconds);
}

/** A row with its value wrapped anew. */
function wrappedAnew({ ring, deps }: KeyStore, table: string, row: FoldedRow): Readonly<Record<string, unknown>> {
  const wrapped = wrappedTables.find((each) => each.table === table);
  if (wrapped === undefined || !(row["value"] instanceof Uint8Array)) return row;
  using plain = new Secret(row["value"]);
  return { ...row, ...ring.wrap(wrapped.wrappedAs(row), plain, deps.random) };
}

function signingSeedIn({ copies }: FoundChain): Secret {
  for (const { rows } of copies.toReversed()) {
    for (const row of rows) {
      if (row.table !== "own_secrets" || !("row" in row) || row.row["name"] !== SIGNING_KEY) continue;
      if (row.row["value"] instanceof Uint8Array) return new Secret(row.row["value"].slice());
    }
  }
  throw new LockstepError("COPY_REJECTED", "recovering the key store: its copies have no signing key");
}
