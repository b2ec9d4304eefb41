import type { DatabaseSync } from "node:sqlite";

import type { Random } from "#crypto/derive.ts";
import type { RootKey } from "#keys/store/key-ring.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import { sealRoot } from "#keys/store/seal.ts";
import type { Seal, SealParameters } from "#keys/store/seal.ts";

/** A seal with the store's root key, which is sealed to it. */
export type StoredSeal = Seal & { readonly sealedRoot: Uint8Array };

/** All seals of a store, the oldest first. */
export function loadSeals(db: DatabaseSync): readonly StoredSeal[] {
  const rows = db.prepare("SELECT * FROM seals ORDER BY created_ms, id").all();
  return rows.map((row) => ({
    id: String(row["id"]),
    kind: String(row["kind"]) as Seal["kind"],
    label: String(row["label"]),
    createdMs: Number(row["created_ms"]),
    publicKey: row["public_key"] as Uint8Array,
    parameters: JSON.parse(String(row["parameters"])) as SealParameters,
    sealedRoot: row["sealed_root"] as Uint8Array,
  }));
}

/** Makes these the seals of the store, and no others, each with the root key. To be called inside a transaction. */
export function replaceSeals(
  db: DatabaseSync,
  store: KeyStoreId,
  seals: readonly Seal[],
  root: RootKey,
  random: Random,
): void {
  db.exec("DELETE FROM seals");
  const insert = db.prepare("INSERT INTO seals VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (const seal of seals) {
    insert.run(
      seal.id,
      seal.kind,
      seal.label,
      seal.createdMs,
      seal.publicKey,
      JSON.stringify(seal.parameters),
      sealRoot(store, seal, root, random),
    );
  }
}
