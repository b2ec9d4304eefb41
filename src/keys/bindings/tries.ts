import type { KeyStore } from "#keys/key-store.ts";
import type { ValueKind, VersionId } from "#keys/store/model.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { Protector } from "#volume/header/volume.ts";

/**
 * Notes that a version was tried on a volume's header and opens it not, so that a point with this header does not need the
 * version for being untried any more. To be called inside a transaction.
 *
 * @param protectors  all that the header has, also those that no value of this kind can open
 */
export function noteTried(
  { db }: KeyStore,
  version: VersionId,
  volumeIdentity: string,
  protectors: readonly string[],
): void {
  const insert = db.prepare("INSERT OR IGNORE INTO tries VALUES (?, ?, ?)");
  for (const protector of protectors) insert.run(version, volumeIdentity, protector);
}

/** For each version that was tried on a volume, the protectors that it does not open. */
export function triedProtectors({ db }: KeyStore, volumeIdentity: string): ReadonlyMap<VersionId, ReadonlySet<string>> {
  const rows = db.prepare("SELECT version, protector FROM tries WHERE volume_identity = ?").all(volumeIdentity);
  const byVersion = Map.groupBy(rows, ({ version }) => String(version) as VersionId);
  return new Map([...byVersion].map(([id, tried]) => [id, new Set(tried.map(({ protector }) => String(protector)))]));
}

/** The kinds of protectors that a kind of value opens. */
const opens: Readonly<Record<ValueKind, readonly Protector["kind"][]>> = {
  passphrase: ["passphrase", "password"],
  "key-file": ["passphrase"],
  "recovery-password": ["recovery-password"],
  "startup-key": ["startup-key"],
};

/**
 * The protectors of a header of which it is known that a value opens none of them, after it was rejected: those that it was tried on,
 * and those that no value of its kind opens. Not among them: those that nothing here can try, and any of a volume in conversion, which
 * takes two keys and may reject a value that opens one of them.
 *
 * @param only  the protector that it was tried on; null: all that fit
 * @returns     fingerprints
 */
export function protectorsTried(
  header: Pick<EncryptedHeader, "facts" | "protectorsFor">,
  kind: ValueKind,
  only: string | null,
): readonly string[] {
  const { protectors, state } = header.facts;
  if (state === "converting") return [];
  const fitting = new Set(header.protectorsFor({ kind }).map(({ fingerprint }) => fingerprint));
  const isTried = ({ id, fingerprint }: Protector): boolean =>
    fitting.has(fingerprint) && (only === null || id === only);
  const isOfOtherKind = (protector: Protector): boolean =>
    protector.kind !== "unknown" && !opens[kind].includes(protector.kind);
  return protectors
    .filter((protector) => isTried(protector) || isOfOtherKind(protector))
    .map(({ fingerprint }) => fingerprint);
}
