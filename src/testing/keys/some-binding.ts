import type { NewBinding } from "#keys/bindings/bindings.ts";
import { digestOf } from "#testing/keys/needs-world.ts";

/** Where a volume lies, as a custodian says it. */
export const somePlace = { machine: "web01", disk: "root", volume: "2" };

/** A binding of the version "version" to keyslot 0 of a LUKS2 volume, as a custodian saw it on a live disk. */
export function someBinding(more: Partial<NewBinding> = {}): NewBinding {
  return {
    version: "version" as NewBinding["version"],
    protector: digestOf("slot 0"),
    volumeIdentity: digestOf("root"),
    protectorId: "keyslot 0",
    protectorKind: "passphrase",
    volumeFormat: "luks2",
    volumeUuid: "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11",
    place: null,
    source: "live",
    boundBy: "ann",
    ...more,
  };
}
