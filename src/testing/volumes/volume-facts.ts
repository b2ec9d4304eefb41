import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { MappedVolume, VolumeMap } from "#volume/inspect.ts";

/** A keyslot that costs a second. */
export function someProtector(more: Partial<Protector> = {}): Protector {
  return {
    id: "keyslot 0",
    kind: "passphrase",
    label: null,
    cost: { kind: "pbkdf2", iterations: 2_000_000, memoryKiB: 0, lanes: 1, seconds: 1 },
    fingerprint: "f0",
    unusable: null,
    ...more,
  };
}

/** What the header of an ordinary volume says. */
export function someFacts(more: Partial<EncryptedVolume> = {}): EncryptedVolume {
  return {
    format: "luks2",
    version: "2",
    cipher: "aes-xts-plain64",
    keyBits: 512,
    sectorBytes: 512,
    uuid: "1e0f7f4f-6b6b-4b6d-9c3a-0d8f4f5f6a70",
    label: null,
    state: "encrypted",
    unreadable: null,
    progress: null,
    protectors: [someProtector()],
    tokens: [],
    payload: null,
    headerRanges: [],
    identity: "i0",
    headerDigest: "d0",
    warnings: [],
    ...more,
  };
}

/** A volume that takes a whole disk and has nothing on it, unless it is told otherwise. */
export function someVolume(more: Partial<MappedVolume> = {}): MappedVolume {
  return {
    name: "disk",
    stretches: [{ offsetBytes: 0, lengthBytes: 4096 }],
    sizeBytes: 4096,
    partition: null,
    logical: null,
    encrypted: null,
    content: null,
    failure: null,
    ...more,
  };
}

export function mapOf(...volumes: readonly MappedVolume[]): VolumeMap {
  return { sizeBytes: 4096, table: null, volumes, readBytes: 512 };
}
