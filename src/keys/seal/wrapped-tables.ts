import type { KeyStore } from "#keys/key-store.ts";
import { ownSecretName } from "#keys/store/key-ring.ts";
import type { KeyId, ValueKind, VersionId } from "#keys/store/model.ts";
import { loadVersion, valueName, versionName } from "#keys/versions/versions.ts";

type Row = Readonly<Record<string, unknown>>;

/** A table with values that a wrapping key wraps, in its columns `wrapping` and `value`. Its rows have row ids. */
export type WrappedTable = {
  readonly table: string;
  /** What the value of a row is wrapped as. */
  readonly wrappedAs: (row: Row) => string;
  /** What people call it. */
  readonly shown: (store: KeyStore, row: Row) => string;
};

/** Every table that holds something wrapped: a new wrapping key has to reach all of them. */
export const wrappedTables: readonly WrappedTable[] = [
  {
    table: "versions",
    wrappedAs: (row) =>
      valueName({
        id: String(row["id"]) as VersionId,
        key: String(row["key"]) as KeyId,
        number: Number(row["number"]),
        kind: String(row["kind"]) as ValueKind,
      }),
    shown: (store, row) => versionName(loadVersion(store, String(row["id"]) as VersionId)),
  },
  {
    table: "own_secrets",
    wrappedAs: (row) => ownSecretName(String(row["name"])),
    shown: (_, row) => `the store's own ${String(row["name"])}`,
  },
];
