import assert from "node:assert/strict";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import type { EncryptedHeader, UnlockTerms } from "#volume/header/encrypted-header.ts";
import { defaultCostLimit } from "#volume/header/kdf-cost.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

export const { signal } = new AbortController();

/** Keyslots 0 and 1 for "first" and "second", and room for a third. Take a copy. */
export const luks2Sample = Luks2Maker.make("sample of LUKS2", [
  { number: 0, passphrase: "first" },
  { number: 1, passphrase: "second" },
]);

export function terms(more: Partial<UnlockTerms> = {}): UnlockTerms {
  return { kdf: new Pbkdf2Deriver(), limit: defaultCostLimit, only: null, ...more };
}

export function passphrase(text: string): VolumeSecret {
  return { kind: "passphrase", secret: new Secret(utf8(text)) };
}

/** The header of what is LUKS2. */
export async function headerOf(volume: Uint8Array | VolumeSource): Promise<EncryptedHeader> {
  const header = await readLuks2(volume instanceof Uint8Array ? memorySource(volume) : volume, signal);
  assert.ok(header !== null);
  return header;
}

/** The whole plaintext of a volume. */
export async function plaintextOf(volume: Uint8Array, secret: VolumeSecret): Promise<Uint8Array> {
  const header = await headerOf(volume);
  using unlocked = await header.unlock(secret, terms(), signal);
  using plain = openPlainVolume(memorySource(volume), header.mapping(volume.length), unlocked.volumeKeys);
  return await plain.read(0, plain.sizeBytes, signal);
}
