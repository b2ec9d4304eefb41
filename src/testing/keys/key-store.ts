import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { KeyStore } from "#keys/key-store.ts";
import type { KeyStoreDeps } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { SealSecret } from "#keys/store/seal.ts";
import { addVersion } from "#keys/versions/versions.ts";
import type { NewVersion, Version } from "#keys/versions/versions.ts";
import { seededRandom } from "#testing/random.ts";

/** The secret of a key file; each call gives another `Secret` with the same bytes. */
export function fileSecret(fill = 7): SealSecret {
  return { kind: "key-file", secret: new Secret(new Uint8Array(32).fill(fill)) };
}

/** What a key store takes, with a clock that stands still. */
export function keyStoreDeps(random: Random = seededRandom("key store")): KeyStoreDeps {
  const now = Temporal.Instant.from("2026-01-01T00:00Z");
  return { now: () => now, steadyMs: () => 0, random, kdf: { derive: deriveKey } };
}

/** A key store that a key file opens: `fileSecret`. It is open. */
export async function testKeyStore(path = ":memory:", deps = keyStoreDeps()): Promise<KeyStore> {
  const { signal } = new AbortController();
  return KeyStore.create(path, [{ label: "file", secret: fileSecret() }], deps, signal);
}

/** Adds a version with a text for its value. */
export function addTestVersion(
  store: KeyStore,
  keyName: string,
  text: string,
  given: Partial<NewVersion> = {},
): Version {
  using value = new Secret(utf8(text));
  return inTransaction(store.db, () =>
    addVersion(store, {
      keyName,
      kind: "passphrase",
      value,
      origin: "given",
      note: "",
      activatesMs: null,
      expiresMs: null,
      ...given,
    }),
  );
}
