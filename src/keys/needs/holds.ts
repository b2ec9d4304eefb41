import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { VersionId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** A need that a custodian entered: a tape, a copy elsewhere. */
export type Hold = {
  /** 32 hex digits. */
  readonly id: string;
  readonly version: VersionId;
  readonly why: string;
  readonly heldBy: string;
  readonly heldMs: number;
  /** The day on which it is expected to end; only `releaseHold` ends it. Null: none was given. */
  readonly expectedUntilMs: number | null;
};

/** Holds a version. To be called inside a transaction. */
export function addHold(
  { db, deps }: KeyStore,
  given: Pick<Hold, "version" | "why" | "heldBy" | "expectedUntilMs">,
): Hold {
  const hold = { ...given, id: hex(deps.random(16)), heldMs: deps.now().epochMilliseconds };
  db.prepare("INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, NULL)").run(
    hold.id,
    hold.version,
    hold.why,
    hold.heldBy,
    hold.heldMs,
    hold.expectedUntilMs,
  );
  return hold;
}

/** Ends a hold. To be called inside a transaction. @throws {LockstepError} NAME_UNKNOWN: there is none, or it was ended */
export function releaseHold({ db, deps }: KeyStore, id: string): void {
  const { changes } = db
    .prepare("UPDATE holds SET released_ms = ? WHERE id = ? AND released_ms IS NULL")
    .run(deps.now().epochMilliseconds, id);
  if (changes === 0) throw unknownHold(id);
}

/** The version that a hold holds. @throws {LockstepError} NAME_UNKNOWN: there is no such hold, or it was ended */
export function heldVersion({ db }: KeyStore, id: string): VersionId {
  const row = prepared(db, "SELECT version FROM holds WHERE id = ? AND released_ms IS NULL").get(id);
  if (row === undefined) throw unknownHold(id);
  return String(row["version"]) as VersionId;
}

function unknownHold(id: string): LockstepError {
  return new LockstepError("NAME_UNKNOWN", `releasing the hold ${id}: there is no such hold`, {
    hint: "`lockstep key needed-by VERSION` lists what holds a version.",
  });
}

/** What holds a version now, the oldest first. */
export function holdsOf({ db }: KeyStore, version: VersionId): readonly Hold[] {
  return prepared(db, "SELECT * FROM holds WHERE version = ? AND released_ms IS NULL ORDER BY held_ms, id")
    .all(version)
    .map((row) => ({
      id: String(row["id"]),
      version: String(row["version"]) as VersionId,
      why: String(row["why"]),
      heldBy: String(row["held_by"]),
      heldMs: Number(row["held_ms"]),
      expectedUntilMs: row["expected_until_ms"] === null ? null : Number(row["expected_until_ms"]),
    }));
}
