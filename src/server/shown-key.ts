import type { ReplyOf } from "#api/routes.ts";
import { bindingsOfVersion } from "#keys/bindings/bindings.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { loadCertificate } from "#keys/custody/certificates.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { needsOf } from "#keys/needs/needs.ts";
import { loadKey, versionName, versionsNamed } from "#keys/versions/versions.ts";
import { bindingFacts } from "#server/binding-facts.ts";
import { instantText } from "#server/instants.ts";
import { certificateFacts, holdingPlaces, versionFacts } from "#server/key-facts.ts";
import { needFacts } from "#server/need-facts.ts";

/** All about a key, or about one version of it. @throws {LockstepError} NAME_UNKNOWN */
export function shownKey(store: KeyStore, name: string): ReplyOf<"key.show"> {
  const versions = versionsNamed(store, name);
  const { id, name: keyName, createdMs } = loadKey(store, versions[0].key);
  return {
    id,
    name: keyName,
    createdAt: instantText(createdMs),
    versions: versions.map((version) => ({
      version: versionFacts(version),
      bindings: bindingsOfVersion(store, version.id).map((binding) => bindingFacts(binding, versionName(version))),
      needs: needsOf(store, version).map(needFacts),
      certificate: version.destroyedMs === null ? null : certificateFacts(loadCertificate(store, version.id)),
      copies: holdingPlaces(copiesThatHold(store, version)),
    })),
  };
}
