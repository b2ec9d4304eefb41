import type { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { hkdf, sha256 } from "#crypto/derive.ts";
import { idBytes } from "#vault/object/ids.ts";
import type { DiskId, VaultId } from "#vault/object/ids.ts";

/** What an opened keyring gives: everything that reads and writes the vault. */
export type VaultKeys = {
  readonly vaultId: VaultId;
  /** 32 bytes, for the vault's whole life: it authenticates the keyring and keys the fingerprints. */
  readonly root: Secret;
  /** Data-key epochs, each 32 bytes; a new one starts when an unlock way is removed. Numbered from 1. */
  readonly epochs: ReadonlyMap<number, Secret>;
  /** The epoch that new objects are sealed with. */
  readonly currentEpoch: number;
  /** The keyring generation that these came from, as log entries name it. */
  readonly keyring: { readonly generation: number; readonly hash: string };
};

/** What `vault.json` says about the root key, so that a forged keyring is told from ours: 32 bytes. */
export function rootCommitment(vaultId: VaultId, root: Secret): Uint8Array {
  return sha256(utf8("lockstep v1 root commitment"), idBytes(vaultId), root.bytes);
}

/** The key of a disk's block fingerprints: 32 bytes, the same for ever. */
export function fingerprintKey(keys: VaultKeys, disk: DiskId): Uint8Array {
  return hkdf(keys.root.bytes, idBytes(keys.vaultId), `lockstep v1 fingerprint ${disk}`);
}
