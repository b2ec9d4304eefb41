import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { BindingId, VersionId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** Where a volume is, by a custodian's word. */
export type VolumePlace = { readonly machine: string; readonly disk: string; readonly volume: string };

/** That a version opens a protector of a volume, as somebody saw it do. */
export type Binding = {
  readonly id: BindingId;
  readonly version: VersionId;
  /** 64 hex digits; docs/format/identities.md. */
  readonly protector: string;
  readonly volumeIdentity: string;
  readonly protectorId: string;
  readonly protectorKind: string;
  readonly volumeFormat: "luks1" | "luks2" | "bitlocker";
  readonly volumeUuid: string | null;
  readonly place: VolumePlace | null;
  readonly source: "live" | "import" | "point";
  readonly boundBy: string;
  readonly boundMs: number;
  readonly retiredMs: number | null;
};

/** What to bind, and to what. */
export type NewBinding = Omit<Binding, "id" | "boundMs" | "retiredMs">;

/**
 * Stores a binding. Where version, protector and volume are bound already, that binding is kept: one that was made from a point becomes
 * one that was seen live, a retired one counts again once its protector is seen live, and a place that is given takes the place of the
 * old one. To be called inside a transaction.
 */
export function saveBinding(store: KeyStore, given: NewBinding): Binding {
  const same = bindingsOf(store, given.volumeIdentity, [given.protector]).find(
    ({ version }) => version === given.version,
  );
  const { db, deps } = store;
  const boundMs = deps.now().epochMilliseconds;
  if (same !== undefined) return changeBinding(store, mergedBinding(same, { ...given, boundMs }));
  const binding = { ...given, id: hex(deps.random(16)) as BindingId, boundMs, retiredMs: null };
  db.prepare("INSERT INTO bindings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)").run(
    binding.id,
    binding.version,
    binding.protector,
    binding.volumeIdentity,
    binding.protectorId,
    binding.protectorKind,
    binding.volumeFormat,
    binding.volumeUuid,
    binding.place?.machine ?? null,
    binding.place?.disk ?? null,
    binding.place?.volume ?? null,
    binding.source,
    binding.boundBy,
    binding.boundMs,
  );
  return binding;
}

/** What becomes of a binding when the same is seen again. */
export function mergedBinding(old: Binding, seen: NewBinding & Pick<Binding, "boundMs">): Binding {
  const place = seen.place ?? old.place;
  if (seen.source === "point") return { ...old, place };
  if (old.source !== "point") return { ...old, place, retiredMs: null };
  const { source, boundBy, boundMs } = seen;
  return { ...old, place, retiredMs: null, source, boundBy, boundMs };
}

function changeBinding({ db }: KeyStore, binding: Binding): Binding {
  const { id, place, source, boundBy, boundMs, retiredMs } = binding;
  db.prepare(
    `UPDATE bindings SET machine = ?, disk = ?, volume = ?, source = ?, bound_by = ?, bound_ms = ?, retired_ms = ? WHERE id = ?`,
  ).run(place?.machine ?? null, place?.disk ?? null, place?.volume ?? null, source, boundBy, boundMs, retiredMs, id);
  return binding;
}

/**
 * Says that a binding's protector is gone from the live volume; points of the past may still have it. To be called inside a
 * transaction.
 *
 * @throws {LockstepError} NAME_UNKNOWN: there is no such binding
 */
export function retireBinding(store: KeyStore, id: string): Binding {
  const row = store.db.prepare("SELECT * FROM bindings WHERE id = ?").get(id);
  if (row === undefined) {
    throw new LockstepError("NAME_UNKNOWN", `the key store has no binding ${id}`, {
      hint: "`lockstep key find` shows bindings with their ids.",
    });
  }
  const binding = bindingOf(row);
  return changeBinding(store, { ...binding, retiredMs: binding.retiredMs ?? store.deps.now().epochMilliseconds });
}

/** Bindings of a volume to any of these protectors, also retired ones: points of the past carry them. */
export function bindingsOf(
  { db }: KeyStore,
  volumeIdentity: string,
  protectors: readonly string[],
): readonly Binding[] {
  return prepared(
    db,
    "SELECT * FROM bindings WHERE volume_identity = ? AND protector IN (SELECT value FROM json_each(?)) ORDER BY bound_ms DESC",
  )
    .all(volumeIdentity, JSON.stringify(protectors))
    .map(bindingOf);
}

/** Bindings of a version. */
export function bindingsOfVersion({ db }: KeyStore, version: VersionId): readonly Binding[] {
  return prepared(db, "SELECT * FROM bindings WHERE version = ? ORDER BY bound_ms").all(version).map(bindingOf);
}

export function bindingOf(row: Readonly<Record<string, unknown>>): Binding {
  const [machine, disk, volume] = [row["machine"], row["disk"], row["volume"]].map(textOrNull);
  return {
    id: String(row["id"]) as BindingId,
    version: String(row["version"]) as VersionId,
    protector: String(row["protector"]),
    volumeIdentity: String(row["volume_identity"]),
    protectorId: String(row["protector_id"]),
    protectorKind: String(row["protector_kind"]),
    volumeFormat: String(row["volume_format"]) as Binding["volumeFormat"],
    volumeUuid: textOrNull(row["volume_uuid"]),
    place: machine && disk && volume ? { machine, disk, volume } : null,
    source: String(row["source"]) as Binding["source"],
    boundBy: String(row["bound_by"]),
    boundMs: Number(row["bound_ms"]),
    retiredMs: row["retired_ms"] === null ? null : Number(row["retired_ms"]),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
