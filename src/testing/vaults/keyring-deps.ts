import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { seededRandom } from "#testing/random.ts";
import type { KeyringDeps } from "#vault/keyring/keyring-change.ts";
import { argon2idKdf } from "#vault/keyring/passphrase-kdf.ts";
import type { UnlockSecret } from "#vault/keyring/unlock-way.ts";

/** What changing a keyring takes: real cryptography, a cheap argon2, no waiting, and the same randomness in every run. */
export function keyringDeps(seed: string): KeyringDeps {
  return {
    random: seededRandom(seed),
    now: () => Temporal.Instant.from("2026-11-23T14:05:00Z"),
    kdf: { ...argon2idKdf, cost: { memoryKiB: 64, passes: 1, lanes: 1 } },
    retry: { attempts: 5, delayMs: () => 0, sleep: sleepNot },
  };
}

export function passphraseOf(text: string): UnlockSecret {
  return { kind: "passphrase", passphrase: new Secret(utf8(text)) };
}

/** A key file's key that is `byte` all over. */
export function fileKeyOf(byte: number): UnlockSecret {
  return { kind: "keyfile", key: new Secret(new Uint8Array(32).fill(byte)) };
}

async function sleepNot(_ms: number, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  throwIfCancelled(signal);
}
