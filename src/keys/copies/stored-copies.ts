import type { ChainCopy, CopyKind, PlacedCopy } from "#keys/copies/copy-plan.ts";
import type { KeyStore } from "#keys/key-store.ts";

/** A copy of this epoch that was read back somewhere. */
export type StoredCopy = ChainCopy & {
  readonly sha256: Uint8Array;
  readonly sizeBytes: number;
  /** The newest change and audit entry that it has. */
  readonly upto: number;
  readonly auditUpto: number;
  /** How many versions had been destroyed by then. */
  readonly destroyed: number;
};

/** The newest full copy of this epoch that was read back somewhere, and the increments after it; empty where there is none. */
export function loadChain(store: KeyStore): readonly StoredCopy[] {
  const { epoch } = store.facts();
  const rows = store.db
    .prepare(
      `SELECT *, json_group_array(place) AS places FROM copies
       WHERE epoch = ?1 AND verified_ms IS NOT NULL AND deleted_ms IS NULL AND number >= (
         SELECT max(number) FROM copies
         WHERE epoch = ?1 AND kind = 'full' AND verified_ms IS NOT NULL AND deleted_ms IS NULL
       ) GROUP BY number ORDER BY number`,
    )
    .all(epoch);
  return rows.map((row) => ({
    number: Number(row["number"]),
    kind: String(row["kind"]) as CopyKind,
    writtenMs: Number(row["written_ms"]),
    kit: String(row["kit"]),
    places: new Set(JSON.parse(String(row["places"])) as string[]),
    sha256: row["sha256"] as Uint8Array,
    sizeBytes: Number(row["size_bytes"]),
    upto: Number(row["upto"]),
    auditUpto: Number(row["audit_upto"]),
    schema: Number(row["schema"]),
    destroyed: Number(row["destroyed"]),
  }));
}

/** The greatest number of a copy of this epoch that was begun; 0 where there is none. */
export function newestNumber(store: KeyStore): number {
  const row = store.db.prepare("SELECT max(number) AS newest FROM copies WHERE epoch = ?").get(store.facts().epoch);
  return Number(row?.["newest"] ?? 0);
}

/** Notes a copy that is about to be put into places. To be called inside a transaction. */
export function saveBegun(store: KeyStore, copy: Omit<StoredCopy, "places">, places: readonly string[]): void {
  const insert = store.db.prepare("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?)");
  const { number, kind, sha256, sizeBytes, writtenMs, upto, auditUpto, schema, destroyed, kit } = copy;
  const { epoch } = store.facts();
  for (const place of places) {
    insert.run(epoch, number, place, kind, sha256, sizeBytes, writtenMs, upto, auditUpto, schema, destroyed, kit);
  }
}

/**
 * Notes copies of earlier epochs that lie in a place, of which nothing is known but their names. Those of this epoch are left out: it began
 * with none, and whoever put some there would use up its numbers. To be called inside a transaction.
 */
export function saveFound(
  store: KeyStore,
  place: string,
  named: readonly { readonly epoch: number; readonly number: number; readonly sizeBytes: number }[],
): void {
  const nowMs = store.deps.now().epochMilliseconds;
  const insert = store.db.prepare(
    "INSERT OR IGNORE INTO copies VALUES (?, ?, ?, NULL, NULL, ?, ?, NULL, NULL, 0, 0, 0, 0, NULL)",
  );
  for (const { epoch, number, sizeBytes } of named) {
    if (epoch < store.facts().epoch) insert.run(epoch, number, place, sizeBytes, nowMs);
  }
}

/** Notes that a copy was read back in a place. To be called inside a transaction. */
export function saveVerified(store: KeyStore, number: number, place: string): void {
  const { epoch } = store.facts();
  store.db
    .prepare("UPDATE copies SET verified_ms = ? WHERE epoch = ? AND number = ? AND place = ?")
    .run(store.deps.now().epochMilliseconds, epoch, number, place);
}

/** The copies in a place that were not deleted, of all epochs. */
export function copiesIn({ db }: KeyStore, place: string): readonly PlacedCopy[] {
  return db
    .prepare("SELECT * FROM copies WHERE place = ? AND deleted_ms IS NULL ORDER BY epoch, number")
    .all(place)
    .map((row) => ({
      epoch: Number(row["epoch"]),
      number: Number(row["number"]),
      kind: row["kind"] === null ? null : (String(row["kind"]) as CopyKind),
      writtenMs: Number(row["written_ms"]),
      isVerified: row["verified_ms"] !== null,
    }));
}

/** Notes that a copy was deleted from a place. To be called inside a transaction. */
export function saveDeleted(store: KeyStore, { epoch, number }: PlacedCopy, place: string): void {
  store.db
    .prepare("UPDATE copies SET deleted_ms = ? WHERE epoch = ? AND number = ? AND place = ?")
    .run(store.deps.now().epochMilliseconds, epoch, number, place);
}

/** How many versions were destroyed so far: each has a certificate. */
export function destroyedVersions({ db }: KeyStore): number {
  return Number(db.prepare("SELECT count(*) AS n FROM certificates").get()?.["n"]);
}

/** A copy with the places that have it. */
export type KnownCopy = {
  readonly epoch: number;
  readonly number: number;
  readonly kind: CopyKind | null;
  readonly sizeBytes: number;
  readonly writtenMs: number;
  /** Those in which it was read back, as they are opened. */
  readonly places: readonly string[];
};

/** Every copy that was begun and not deleted, the newest first. Does not look at the places. */
export function allCopies({ db }: KeyStore): readonly KnownCopy[] {
  return db
    .prepare(
      `SELECT copies.*, json_group_array(places.place) FILTER (WHERE verified_ms IS NOT NULL) AS found
       FROM copies JOIN places ON places.id = copies.place WHERE deleted_ms IS NULL
       GROUP BY epoch, number ORDER BY epoch DESC, number DESC`,
    )
    .all()
    .map((row) => ({
      epoch: Number(row["epoch"]),
      number: Number(row["number"]),
      kind: row["kind"] === null ? null : (String(row["kind"]) as CopyKind),
      sizeBytes: Number(row["size_bytes"]),
      writtenMs: Number(row["written_ms"]),
      places: JSON.parse(String(row["found"])) as string[],
    }));
}
