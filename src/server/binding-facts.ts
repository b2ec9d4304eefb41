import type { BindingFacts } from "#api/values.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { instantText, instantTextOrNull } from "#server/instants.ts";

/** A binding as the API shows it. @param version  the name of its version, `web01/v1` */
export function bindingFacts(binding: Binding, version: string): BindingFacts {
  return {
    id: binding.id,
    version,
    protector: binding.protector,
    protectorId: binding.protectorId,
    protectorKind: binding.protectorKind,
    volumeIdentity: binding.volumeIdentity,
    volumeFormat: binding.volumeFormat,
    volumeUuid: binding.volumeUuid,
    place: binding.place,
    source: binding.source,
    boundBy: binding.boundBy,
    boundAt: instantText(binding.boundMs),
    retiredAt: instantTextOrNull(binding.retiredMs),
  };
}
