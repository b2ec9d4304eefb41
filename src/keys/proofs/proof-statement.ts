import { utf8 } from "#bytes/text.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { VersionId } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** What can be said of an encrypted volume of a point. docs/proofs.md says when each is. */
export type Verdict =
  | "reads"
  | "opens"
  | "opens, content damaged"
  | "not bound"
  | "version unusable"
  | "rejected"
  | "header damaged"
  | "unsupported"
  | "not tried";

/** An encrypted volume of a point, as a vault names it. */
export type ProvedVolume = {
  readonly vault: string;
  readonly machine: string;
  readonly point: string;
  readonly disk: string;
  readonly volume: string;
};

/** What was found of a volume. */
export type ProofFinding = {
  readonly verdict: Verdict;
  /** The version that the verdict speaks of; null where none is bound, or none was looked for. */
  readonly version: Version | null;
  /** When a key was last derived for the header; null where none was. */
  readonly derivedMs: number | null;
  /** Nothing was derived now: the finding is that of an earlier proof of the same header. */
  readonly carriedOver: boolean;
  /** Null where the header could not be read. */
  readonly header: { readonly volumeIdentity: string; readonly headerDigest: string } | null;
  /** SHA-256 (hex) of what was presented: see `PresentedBytes`. */
  readonly presented: string;
  readonly structures: readonly [right: number, asked: number];
  readonly unproven: boolean;
};

/** A statement as it is handed out and kept: docs/format/statements.md. */
export type SignedStatement = { readonly signed: string; readonly signature: Uint8Array };

/**
 * Signs what was found, and keeps it as the latest of that volume. To be called inside a transaction.
 *
 * Where nothing was tried now, and the derivation before found the volume worse, that is kept beside it: see `worseFinding`.
 *
 * @throws {LockstepError} KEY_STORE_SEALED
 */
export function saveStatement(store: KeyStore, volume: ProvedVolume, finding: ProofFinding): SignedStatement {
  const { db, deps, ring } = store;
  const { id, epoch } = store.facts();
  const now = deps.now();
  const { verdict, version, derivedMs, carriedOver, header, presented, structures, unproven } = finding;
  const signed = JSON.stringify({
    format: 1,
    store: id,
    epoch,
    vault: volume.vault,
    machine: volume.machine,
    point: volume.point,
    disk: volume.disk,
    volume: volume.volume,
    verdict,
    version: version === null ? null : versionName(version),
    at: now.toString(),
    derivedAt: derivedMs === null ? null : Temporal.Instant.fromEpochMilliseconds(derivedMs).toString(),
    carriedOver,
    volumeIdentity: header?.volumeIdentity ?? null,
    headerDigest: header?.headerDigest ?? null,
    presented,
    structures,
    unproven,
  });
  const signature = ring.sign("proof", utf8(signed));
  const worse = derivedMs === null ? worseFinding(store, volume) : null;
  db.prepare("INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
    volume.vault,
    volume.machine,
    volume.point,
    volume.disk,
    volume.volume,
    verdict,
    version?.id ?? null,
    now.epochMilliseconds,
    derivedMs ?? worse?.derivedMs ?? null,
    header?.headerDigest ?? null,
    ...(worse?.structures ?? structures),
    signed,
    signature,
  );
  if (verdict === "reads" && !carriedOver && header !== null && derivedMs !== null) {
    db.prepare("INSERT OR REPLACE INTO read_volumes VALUES (?, ?)").run(header.volumeIdentity, derivedMs);
  }
  return { signed, signature };
}

/** The latest statements on a machine's points. */
export function loadStatements({ db }: KeyStore, vault: string, machine: string): readonly SignedStatement[] {
  return db
    .prepare("SELECT statement, signature FROM proofs WHERE vault = ? AND machine = ?")
    .all(vault, machine)
    .map((row) => ({ signed: String(row["statement"]), signature: row["signature"] as Uint8Array }));
}

/** An earlier proof of the same header, as far as it can be carried over. */
export type EarlierProof = Pick<ProofFinding, "verdict" | "derivedMs" | "structures"> & { readonly version: VersionId };

/**
 * What can be carried over to a volume of a point from the newest proof by derivation that opened this very header of that volume of
 * the machine. Of another point's content it says nothing, so what was read in another point is carried over as "opens".
 *
 * @param sinceMs  derived no earlier than this, and not ahead of the clock
 * @returns  null: there is none, or the latest derivation for this very volume found it worse
 */
export function earlierProof(
  store: KeyStore,
  of: ProvedVolume,
  headerDigest: string,
  sinceMs: number,
): EarlierProof | null {
  const { vault, machine, point, disk, volume } = of;
  if (worseFinding(store, of) !== null) return null;
  const { db, deps } = store;
  const row = db
    .prepare(
      `SELECT * FROM proofs WHERE vault = ? AND machine = ? AND disk = ? AND volume = ? AND derived_ms BETWEEN ? AND ?
         AND header_digest = ? AND verdict IN ('reads', 'opens') ORDER BY derived_ms DESC, point = ? DESC LIMIT 1`,
    )
    .get(vault, machine, disk, volume, sinceMs, deps.now().epochMilliseconds, headerDigest, point);
  if (row === undefined) return null;
  const isOwn = row["point"] === point;
  return {
    verdict: isOwn ? (String(row["verdict"]) as Verdict) : "opens",
    version: String(row["version"]) as VersionId,
    derivedMs: Number(row["derived_ms"]),
    structures: isOwn ? [Number(row["structures_right"]), Number(row["structures_asked"])] : [0, 0],
  };
}

/**
 * What the latest derivation for a volume of a point found, where that is worse than that it opens. Statements that tried nothing, such as
 * while a version was disabled, do not take that back.
 */
export function worseFinding(
  { db }: KeyStore,
  { vault, machine, point, disk, volume }: ProvedVolume,
): Pick<ProofFinding, "derivedMs" | "structures"> | null {
  const row = db
    .prepare(
      `SELECT derived_ms, structures_right, structures_asked FROM proofs
       WHERE vault = ? AND machine = ? AND point = ? AND disk = ? AND volume = ? AND derived_ms IS NOT NULL
         AND verdict NOT IN ('reads', 'opens')`,
    )
    .get(vault, machine, point, disk, volume);
  if (row === undefined) return null;
  const structures = [Number(row["structures_right"]), Number(row["structures_asked"])] as const;
  return { derivedMs: Number(row["derived_ms"]), structures };
}

/** Whether a file system was read in a volume since then. */
export function wasRead({ db }: KeyStore, volumeIdentity: string, sinceMs: number): boolean {
  const row = db.prepare("SELECT last_ms FROM read_volumes WHERE volume_identity = ?").get(volumeIdentity);
  return row !== undefined && Number(row["last_ms"]) >= sinceMs;
}
