import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { BOOT_SECTOR_BYTES, parseBootSector } from "#volume/bitlocker/boot-sector.ts";
import { interchangeable, readCopies } from "#volume/bitlocker/copies.ts";
import { bitlockerFacts } from "#volume/bitlocker/facts.ts";
import { readLayout } from "#volume/bitlocker/layout.ts";
import type { LayoutFound } from "#volume/bitlocker/layout.ts";
import { bitlockerMapping } from "#volume/bitlocker/mapping.ts";
import { parseProtector } from "#volume/bitlocker/protectors.ts";
import type { BitlockerProtector } from "#volume/bitlocker/protectors.ts";
import { bitlockerState } from "#volume/bitlocker/state.ts";
import { kindFor, openBitlocker } from "#volume/bitlocker/unlock.ts";
import type { BitlockerLock } from "#volume/bitlocker/unlock.ts";
import type { EncryptedHeader, UnlockTerms, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * Reads the header of a BitLocker volume: the first sector, the three copies of the metadata (at most 64 KiB each), and one
 * sector of the moved boot sectors.
 *
 * Does not verify the metadata's MAC, which needs a key: `unlock` does.
 *
 * @param source  the volume's place, or a stored header: what lies outside of `headerRanges` may be missing or zeros
 * @returns       null when this is not BitLocker
 * @throws {LockstepError} HEADER_CORRUPT, FIELD_CORRUPT: BitLocker, but no copy of the metadata is good, or what it says is
 *   impossible · VOLUME_UNSUPPORTED: a newer version · what the source throws, but DISK_UNREADABLE in a copy that has another
 * @see libbde, "BitLocker Drive Encryption (BDE) format"
 */
export async function readBitlocker(source: VolumeSource, signal: AbortSignal): Promise<EncryptedHeader | null> {
  const bootSector = await readUpTo(source, 0, BOOT_SECTOR_BYTES, signal);
  const boot = parseBootSector(bootSector);
  if (boot === null) return null;
  const copies = await readCopies(source, boot, signal);
  const { metadata } = copies.used;
  const state = bitlockerState(boot, metadata.head);
  const layout = await readLayout(source, { boot, metadata, state }, signal);
  const protectors = metadata.vmks.map(parseProtector);
  const facts = bitlockerFacts({ boot, bootSector, copies, state, layout, protectors, sizeBytes: source.sizeBytes });
  return new BitlockerVolume(facts, interchangeable(copies), layout, protectors);
}

class BitlockerVolume implements EncryptedHeader {
  readonly facts: EncryptedVolume;
  readonly #copies: BitlockerLock["copies"];
  readonly #layout: LayoutFound;
  readonly #protectors: readonly BitlockerProtector[];

  constructor(
    facts: EncryptedVolume,
    copies: BitlockerLock["copies"],
    layout: LayoutFound,
    protectors: readonly BitlockerProtector[],
  ) {
    this.facts = facts;
    this.#copies = copies;
    this.#layout = layout;
    this.#protectors = protectors;
  }

  protectorsFor(secret: Pick<VolumeSecret, "kind">): readonly Protector[] {
    // All of a kind cost the same.
    const fits = ({ kind, unusable }: Protector): boolean => kind === kindFor(secret) && unusable === null;
    return this.#protectors.map(({ facts }) => facts).filter(fits);
  }

  protectorsOnRequest(): readonly Protector[] {
    return [];
  }

  async unlock(secret: VolumeSecret, terms: UnlockTerms, signal: AbortSignal): Promise<UnlockedVolume> {
    const { cipher, layout } = this.#readable("Opening");
    // No sector is encrypted, so any key serves; where there is a clear key, its volume key is given all the same.
    const isKeyless = layout.encryptedBytes === 0 && this.protectorsFor(secret).length === 0;
    if (isKeyless && secret.kind === "none") return unlocked(null, new Secret(new Uint8Array(cipher.keyBytes)));
    if (secret.kind === "volume-key") {
      const { verifyVolumeKey } = await import("#volume/bitlocker/volume-key.ts"); // with the ciphers, which are many
      return unlocked(null, verifyVolumeKey(secret.secret, this.#layout));
    }
    const lock = { copies: this.#copies, cipher, protectors: this.#protectors };
    const { protector, volumeKey } = await openBitlocker(lock, secret, terms, signal);
    return unlocked(protector, volumeKey);
  }

  mapping(dataBytes: number): Mapping {
    return bitlockerMapping(this.#readable("Mapping").layout, dataBytes);
  }

  #readable(doing: string): NonNullable<LayoutFound["readable"]> {
    const { readable, unreadable } = this.#layout;
    if (readable !== null) return readable;
    throw new LockstepError("VOLUME_UNSUPPORTED", `${doing} a BitLocker volume: ${unreadable}.`);
  }
}

function unlocked(protector: Protector | null, volumeKey: Secret): UnlockedVolume {
  return { protector, others: [], volumeKeys: [volumeKey], [Symbol.dispose]: () => volumeKey.wipe() };
}
