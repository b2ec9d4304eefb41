import { Secret } from "#bytes/secret.ts";
import type { Random } from "#crypto/derive.ts";
import { newId } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** Keys of a vault that has no keyring object. */
export function testKeys(random: Random): VaultKeys {
  return {
    vaultId: newId<VaultId>(random),
    root: new Secret(random(32)),
    epochs: new Map([[1, new Secret(random(32))]]),
    currentEpoch: 1,
    keyring: { generation: 1, hash: "00".repeat(32) },
  };
}
