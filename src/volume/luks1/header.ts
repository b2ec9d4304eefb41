import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { parseCipher } from "#volume/cipher/cipher-name.ts";
import { hashBytes, isHashKnown } from "#volume/cipher/hash.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { EncryptedHeader, UnlockTerms, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import { nothingToTry } from "#volume/luks/obstacle.ts";
import { HALF_REENCRYPTED, luks1Facts, luks1Protector } from "#volume/luks1/facts.ts";
import type { Luks1Material } from "#volume/luks1/identity.ts";
import { LUKS1_HEADER_BYTES, LUKS1_SECTOR_BYTES, parseLuks1 } from "#volume/luks1/luks1.ts";
import type { Luks1Header } from "#volume/luks1/luks1.ts";
import { readMaterialHash, tryKeyslots, verifiedVolumeKey } from "#volume/luks1/unlock.ts";
import type { Luks1Lock, Luks1Way } from "#volume/luks1/unlock.ts";
import type { MappedContent, Mapping } from "#volume/plaintext/mapping.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * Reads the header of a LUKS1 volume: 592 bytes, and the key material of the keyslots in use (at most 8 × 2 MB, one after
 * the other, and not kept).
 *
 * Does not verify anything by a key. Whether the volume is long enough for its payload is said by a warning, and by
 * `mapping`, since a header that was kept apart is shorter.
 *
 * @param source  the volume's place, a detached header, or a stored one: what lies outside of `headerRanges` may be missing
 *   or zeros; is read again by `unlock`
 * @returns       null when this is not LUKS1
 * @throws {LockstepError} HEADER_CORRUPT: LUKS1, but cut short or impossible · what the source throws, but DISK_UNREADABLE
 *   in key material: that keyslot is unusable
 * @see LUKS1 On-Disk Format Specification 1.2.3
 */
export async function readLuks1(source: VolumeSource, signal: AbortSignal): Promise<EncryptedHeader | null> {
  const headerBytes = await readUpTo(source, 0, LUKS1_HEADER_BYTES, signal);
  const header = parseLuks1(headerBytes);
  if (header === null) return null;
  const materials: Luks1Material[] = [];
  for (const keyslot of header.keyslots) {
    if (keyslot.state === "disabled") continue;
    materials.push(await readMaterialHash(source, header, keyslot, signal));
  }
  const { cipher, isNullCipher, unreadable } = howToRead(header);
  const reading = { header, headerBytes, materials, sizeBytes: source.sizeBytes, isNullCipher, unreadable };
  const all = materials.map((material) => ({ ...material, protector: luks1Protector(reading, material) }));
  const protectors = all.map(({ protector }) => protector);
  return new Luks1Volume(luks1Facts(reading, protectors), { source, header, cipher }, all.filter(isWay));
}

/** @returns  `cipher` null: a null cipher, or one that is not read here, and then `unreadable` says why */
function howToRead(header: Luks1Header): {
  cipher: SectorCipherSpec | null;
  isNullCipher: boolean;
  unreadable: string | null;
} {
  const { cipherName, cipherMode, keyBytes, hash } = header;
  const parsed = parseCipher(`${cipherName}-${cipherMode}`, keyBytes, LUKS1_SECTOR_BYTES);
  const isNullCipher = "notEncrypted" in parsed;
  if ("unsupported" in parsed) return { cipher: null, isNullCipher, unreadable: parsed.unsupported };
  const cipher = "notEncrypted" in parsed ? null : parsed;
  const unreadable = header.isReencrypting ? HALF_REENCRYPTED : hashRefusal(hash, header.digest.length);
  return { cipher, isNullCipher, unreadable };
}

/** As cryptsetup has it, the hash must give as many bytes as the digest of the volume key has. */
function hashRefusal(hash: string, digestBytes: number): string | null {
  if (!isHashKnown(hash)) return `the hash ${hash} is not known here`;
  return hashBytes(hash) < digestBytes ? `the hash ${hash} gives fewer than ${digestBytes} bytes` : null;
}

function isWay(one: Luks1Material & { readonly protector: Protector }): one is Luks1Way {
  return one.protector.cost !== null;
}

class Luks1Volume implements EncryptedHeader {
  readonly facts: EncryptedVolume;
  readonly #lock: Luks1Lock;
  /** The cheapest first. */
  readonly #ways: readonly Luks1Way[];

  constructor(facts: EncryptedVolume, lock: Luks1Lock, ways: readonly Luks1Way[]) {
    this.facts = facts;
    this.#lock = lock;
    this.#ways = ways.toSorted((a, b) => a.protector.cost.seconds - b.protector.cost.seconds);
  }

  protectorsFor(secret: Pick<VolumeSecret, "kind">): readonly Protector[] {
    return this.#fits(secret) ? this.#ways.map(({ protector }) => protector) : [];
  }

  protectorsOnRequest(): readonly Protector[] {
    return [];
  }

  async unlock(secret: VolumeSecret, terms: UnlockTerms, signal: AbortSignal): Promise<UnlockedVolume> {
    this.#refuseUnreadable("Opening");
    if (secret.kind === "volume-key") {
      return this.#unlocked(null, await verifiedVolumeKey(this.#lock.header, secret.secret, terms, signal));
    }
    const { only } = terms;
    if (!this.#fits(secret)) {
      throw new LockstepError("SECRET_REJECTED", "Opening a LUKS1 volume: it takes a passphrase or a key file.");
    }
    const ways = this.#ways.filter(({ protector }) => only === null || protector.id === only);
    if (ways.length === 0) throw this.#nothingToTry(only);
    using none = new Secret(new Uint8Array());
    const tried = secret.kind === "none" ? none : secret.secret;
    const { way, volumeKey } = await tryKeyslots(this.#lock, ways, tried, terms, signal);
    return this.#unlocked(way.protector, volumeKey);
  }

  mapping(dataBytes: number): Mapping {
    this.#refuseUnreadable("Mapping");
    const { header, cipher } = this.#lock;
    const { payloadOffsetBytes: sourceOffsetBytes } = header;
    const sizeBytes = Math.floor((dataBytes - sourceOffsetBytes) / LUKS1_SECTOR_BYTES) * LUKS1_SECTOR_BYTES;
    if (sizeBytes <= 0) {
      throw new LockstepError(
        "HEADER_CORRUPT",
        `LUKS1 header: the payload begins at byte ${sourceOffsetBytes}, and the volume has ${dataBytes} bytes`,
      );
    }
    const content: MappedContent =
      cipher === null
        ? { kind: "plain", sourceOffsetBytes }
        : { kind: "encrypted", sourceOffsetBytes, ivOffsetBytes: 0n, cipher: 0 };
    const stretches = [{ offsetBytes: 0, lengthBytes: sizeBytes, content }];
    return { sizeBytes, ciphers: cipher === null ? [] : [cipher], stretches };
  }

  #fits({ kind }: Pick<VolumeSecret, "kind">): boolean {
    // Giving no secret means giving the empty one, and only that one opens a null cipher.
    return kind === "passphrase" || kind === "key-file" || (kind === "none" && this.#lock.cipher === null);
  }

  #nothingToTry(only: string | null): LockstepError {
    const doing = "Opening a LUKS1 volume";
    const asked = this.facts.protectors.filter(({ id }) => only === null || id === only);
    if (only !== null && asked.length === 0) {
      return new LockstepError("SECRET_REJECTED", `${doing}: there is no ${only} in use.`);
    }
    // This volume can be read, so a keyslot that is unusable is damaged.
    const obstacles = asked.map(({ id, unusable }) => [id, { code: "HEADER_CORRUPT", why: unusable ?? "" }] as const);
    return nothingToTry(doing, new Map(obstacles));
  }

  #refuseUnreadable(doing: string): void {
    const { unreadable } = this.facts;
    if (unreadable !== null) throw new LockstepError("VOLUME_UNSUPPORTED", `${doing} a LUKS1 volume: ${unreadable}.`);
  }

  #unlocked(protector: Protector | null, volumeKey: Secret): UnlockedVolume {
    // A null cipher has no key to decrypt with: the mapping names no cipher.
    const volumeKeys = this.#lock.cipher === null ? [] : [volumeKey];
    return { protector, others: [], volumeKeys, [Symbol.dispose]: () => volumeKey.wipe() };
  }
}
