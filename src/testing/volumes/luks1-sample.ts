import { seededRandom } from "#testing/random.ts";
import { firstPayloadSector, makeLuks1, materialSector, materialSectors } from "#testing/volumes/luks1-maker.ts";
import type { Luks1Make } from "#testing/volumes/luks1-maker.ts";
import type { Place } from "#volume/source/source.ts";

/** How the sample is made: AES-CBC-ESSIV, three keyslots of different cost, a payload at an odd sector. */
export const sampleMake: Luks1Make = {
  random: seededRandom("sample of LUKS1"),
  cipherName: "aes",
  cipherMode: "cbc-essiv:sha256",
  hash: "sha256",
  volumeKey: seededRandom("volume key")(16),
  keyslots: [
    { number: 1, passphrase: "dear", iterations: 3000 },
    { number: 3, passphrase: "cheap", iterations: 1000 },
    { number: 6, passphrase: "middle", iterations: 2000 },
  ],
  digestIterations: 1100,
  payloadSectors: firstPayloadSector(16) + 1,
  plaintext: seededRandom("plaintext")(20 * 512),
  uuid: "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11",
};

/** The sample's bytes; not to be changed. */
export const sampleVolume = makeLuks1(sampleMake);

/** A copy of the sample with changes. */
export function editedSample(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = sampleVolume.slice();
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}

/** Where a keyslot's key material lies in the sample. */
export function sampleMaterial(number: number): Place {
  return { offsetBytes: materialSector(number, 16) * 512, lengthBytes: materialSectors(16) * 512 };
}
