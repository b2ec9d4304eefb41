import type { DestroyedVersion } from "#api/keys.ts";
import type { VersionFacts } from "#api/values.ts";
import { base64 } from "#bytes/text.ts";
import type { HoldingPlace } from "#keys/copies/copies-that-hold.ts";
import type { Certificate } from "#keys/custody/certificates.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { instantText, instantTextOrNull } from "#server/instants.ts";

/** A version as the API shows it. */
export function versionFacts(version: Version): VersionFacts {
  return {
    id: version.id,
    name: versionName(version),
    kind: version.kind,
    origin: version.origin,
    note: version.note,
    createdAt: instantText(version.createdMs),
    enabled: version.enabled,
    activatesAt: instantTextOrNull(version.activatesMs),
    expiresAt: instantTextOrNull(version.expiresMs),
    retiredAt: instantTextOrNull(version.retiredMs),
    compromisedAt: instantTextOrNull(version.compromisedMs),
    deletedAt: instantTextOrNull(version.deletedMs),
    destroyedAt: instantTextOrNull(version.destroyedMs),
    damagedAt: instantTextOrNull(version.damagedMs),
  };
}

/** A certificate as the API shows it. */
export function certificateFacts({ signed, signature }: Certificate): DestroyedVersion["certificate"] {
  return { signed, signature: base64(signature) };
}

/** Places with copies as the API shows them. */
export function holdingPlaces(places: readonly HoldingPlace[]): DestroyedVersion["copies"] {
  return places.map(({ place, copies, goneAtMs }) => ({ place, copies, goneAt: instantTextOrNull(goneAtMs) }));
}
