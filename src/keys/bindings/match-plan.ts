import type { VolumePlace } from "#keys/bindings/bindings.ts";
import type { VersionId } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

/** A version that may open a volume, and what finding that out costs. */
export type MatchTrial = {
  readonly version: Version;
  /** Why it is tried when it is; docs/binding.md. */
  readonly because: "bound" | "named" | "fits";
  /** On all protectors that it is tried on, as estimated. */
  readonly seconds: number;
};

/** What is known of a volume before anything is tried. */
export type MatchKnowledge = {
  /** Versions that are bound to one of its protectors. */
  readonly bound: ReadonlySet<VersionId>;
  /** Protectors that versions were tried on and do not open. */
  readonly tried: ReadonlyMap<VersionId, ReadonlySet<string>>;
  readonly place: VolumePlace | null;
  /** The protector to try; null: all. */
  readonly only: string | null;
};

const order = ["bound", "named", "fits"] as const;

/**
 * The versions that may open a volume, in the order in which to try them: those that are bound to it, those that are named for it, then
 * the cheapest. One that was tried before on every protector that it fits is left out.
 *
 * @param versions  that may be used
 */
export function planMatch(
  header: Pick<EncryptedHeader, "facts" | "protectorsFor">,
  versions: readonly Version[],
  { bound, tried, place, only }: MatchKnowledge,
): readonly MatchTrial[] {
  if (header.facts.unreadable !== null) return [];
  const trials = versions.flatMap((version): MatchTrial[] => {
    const fitting = header.protectorsFor(version).filter(({ id }) => only === null || id === only);
    const known = tried.get(version.id);
    if (fitting.every(({ fingerprint }) => known?.has(fingerprint) === true)) return [];
    const seconds = fitting.reduce((sum, { cost }) => sum + (cost?.seconds ?? 0), 0);
    const named = isNamedFor(version, header.facts, place) ? "named" : "fits";
    const because = bound.has(version.id) ? "bound" : named;
    return [{ version, because, seconds }];
  });
  return trials.toSorted(
    (a, b) =>
      order.indexOf(a.because) - order.indexOf(b.because) ||
      a.seconds - b.seconds ||
      b.version.createdMs - a.version.createdMs,
  );
}

/** Whether a version's key is called after the volume or its machine, or its note has the volume's UUID or a protector's key ID. */
function isNamedFor(
  version: Version,
  { uuid, label, protectors }: EncryptedVolume,
  place: VolumePlace | null,
): boolean {
  const name = version.keyName.toLowerCase();
  const machine = place?.machine.toLowerCase();
  if (machine !== undefined && (name === machine || name.startsWith(`${machine}.`))) return true;
  if (label !== null && name === label.toLowerCase()) return true;
  const words = `${versionName(version)} ${version.note}`.toLowerCase();
  return [uuid, ...protectors.map(keyId)].some((id) => id !== null && id !== "" && words.includes(id.toLowerCase()));
}

/** What Windows shows of a BitLocker protector: the first eight digits of its GUID. */
function keyId({ id }: Protector): string | null {
  return /^[0-9a-f]{8}-/.exec(id)?.[0].slice(0, 8) ?? null;
}
