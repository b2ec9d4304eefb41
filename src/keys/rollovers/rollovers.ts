import { LockstepError } from "#errors/errors.ts";
import { bindingOf } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { RolloverState, RolloverStep } from "#keys/rollovers/rollover-plan.ts";
import type { VersionId } from "#keys/store/model.ts";
import { loadVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** Who changes the volume: cryptsetup on the custodian's host, or a person who is told each step. */
export type RolloverExecutor = "cryptsetup" | "steps";

/** A rollover as the database has it. Instants are milliseconds since 1970. */
export type Rollover = RolloverState & {
  readonly id: string;
  /** The binding that it was begun with. All protectors of the volume that the old version opens are replaced. */
  readonly binding: Binding;
  readonly oldVersion: Version;
  readonly newVersion: Version;
  readonly executor: RolloverExecutor;
  readonly begunBy: string;
  readonly begunMs: number;
  readonly changedMs: number;
  /** Null while it is under way. */
  readonly endedMs: number | null;
  /** When a point was first seen to open with the new version; null: not yet, as far as is known. */
  readonly provenMs: number | null;
};

/** All rollovers, the newest first. */
export function loadRollovers(store: KeyStore): readonly Rollover[] {
  return store.db
    .prepare("SELECT * FROM rollovers ORDER BY begun_ms DESC, id")
    .all()
    .map((row) => rolloverOf(store, row));
}

/** @throws {LockstepError} NAME_UNKNOWN */
export function loadRollover(store: KeyStore, id: string): Rollover {
  const row = store.db.prepare("SELECT * FROM rollovers WHERE id = ?").get(id);
  if (row !== undefined) return rolloverOf(store, row);
  throw new LockstepError("NAME_UNKNOWN", `the key store has no rollover ${id}`);
}

/** The rollover that is under way of the version and the volume of a binding; null: there is none. */
export function rolloverUnderWay(
  store: KeyStore,
  { version, volumeIdentity }: Pick<Binding, "version" | "volumeIdentity">,
): Rollover | null {
  const row = store.db
    .prepare(
      `SELECT rollovers.* FROM rollovers JOIN bindings ON bindings.id = rollovers.old_binding
       WHERE bindings.version = ? AND bindings.volume_identity = ? AND rollovers.ended_ms IS NULL`,
    )
    .get(version, volumeIdentity);
  return row === undefined ? null : rolloverOf(store, row);
}

/** To be called inside a transaction. */
export function addRollover(
  { db, deps }: KeyStore,
  given: Pick<Rollover, "id" | "binding" | "newVersion" | "executor" | "begunBy">,
): void {
  const nowMs = deps.now().epochMilliseconds;
  db.prepare("INSERT INTO rollovers VALUES (?, ?, ?, ?, 'made', NULL, ?, ?, ?, NULL)").run(
    given.id,
    given.binding.id,
    given.newVersion.id,
    given.executor,
    given.begunBy,
    nowMs,
    nowMs,
  );
}

/** To be called inside a transaction. */
export function setExecutor({ db }: KeyStore, id: string, executor: RolloverExecutor): void {
  db.prepare("UPDATE rollovers SET executor = ? WHERE id = ?").run(executor, id);
}

/** Writes down how far a rollover is; the last two steps end it. To be called inside a transaction. */
export function saveRolloverState({ db, deps }: KeyStore, id: string, { step, slot }: RolloverState): void {
  const nowMs = deps.now().epochMilliseconds;
  const endedMs = step === "removed" || step === "abandoned" ? nowMs : null;
  db.prepare("UPDATE rollovers SET step = ?, slot = ?, changed_ms = ?, ended_ms = ? WHERE id = ?").run(
    step,
    slot,
    nowMs,
    endedMs,
    id,
  );
}

function rolloverOf(store: KeyStore, row: Readonly<Record<string, unknown>>): Rollover {
  const binding = bindingOf(
    store.db.prepare("SELECT * FROM bindings WHERE id = ?").get(String(row["old_binding"])) ?? {},
  );
  const newVersion = loadVersion(store, String(row["new_version"]) as VersionId);
  return {
    id: String(row["id"]),
    binding,
    oldVersion: loadVersion(store, binding.version),
    newVersion,
    executor: String(row["executor"]) as RolloverExecutor,
    step: String(row["step"]) as RolloverStep,
    slot: row["slot"] === null ? null : Number(row["slot"]),
    begunBy: String(row["begun_by"]),
    begunMs: Number(row["begun_ms"]),
    changedMs: Number(row["changed_ms"]),
    endedMs: row["ended_ms"] === null ? null : Number(row["ended_ms"]),
    provenMs: provenMs(store, newVersion.id),
  };
}

function provenMs({ db }: KeyStore, version: VersionId): number | null {
  const row = db
    .prepare("SELECT min(proved_ms) AS ms FROM proofs WHERE version = ? AND verdict IN ('opens', 'reads')")
    .get(version);
  return row === undefined || row["ms"] === null ? null : Number(row["ms"]);
}
