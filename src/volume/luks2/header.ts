import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import type { EncryptedHeader, UnlockTerms, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";
import { nothingToTry } from "#volume/luks/obstacle.ts";
import type { Obstacle } from "#volume/luks/obstacle.ts";
import { readLuks2Copies } from "#volume/luks2/copies.ts";
import type { Luks2Stored } from "#volume/luks2/copies.ts";
import { digestFault } from "#volume/luks2/digest.ts";
import { luks2Facts } from "#volume/luks2/facts.ts";
import { luks2Mapping } from "#volume/luks2/mapping.ts";
import { dataSegments } from "#volume/luks2/metadata.ts";
import type { Luks2Digest } from "#volume/luks2/metadata.ts";
import { planOf } from "#volume/luks2/plan.ts";
import type { Luks2Plan } from "#volume/luks2/plan.ts";
import { tryKeyslots, verifiedVolumeKey, verifySeal } from "#volume/luks2/unlock.ts";
import type { FoundKey } from "#volume/luks2/unlock.ts";
import { keyslotFound, readMaterialHash, wayKeyslots } from "#volume/luks2/way.ts";
import type { Luks2KeyslotFound, Luks2Way } from "#volume/luks2/way.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * Reads the header of a LUKS2 volume: both copies, and the key material of the keyslots in use (128 MiB at most by the
 * format, less than 300 KB each in practice; not kept).
 *
 * Does not verify anything by a key: the header's JSON has a checksum, which anybody can make. Whether the volume is long
 * enough for its data is said by a warning, and by `mapping`.
 *
 * @param source  the volume's place, a detached header, or a stored one; it is as long as the headers and the place for
 *   keyslots at least, and what lies outside of `headerRanges` may be zeros. Is read again by `unlock`
 * @returns       null when this is not LUKS2. A volume whose first header is gone is found by the second one: look at
 *   COPY_DAMAGED where something else may have been written over it
 * @throws {LockstepError} HEADER_CORRUPT: LUKS2, but neither header is good · VOLUME_UNSUPPORTED: a later version of LUKS ·
 *   what the source throws
 * @see LUKS2 On-Disk Format Specification 1.1
 */
export async function readLuks2(source: VolumeSource, signal: AbortSignal): Promise<EncryptedHeader | null> {
  const stored = await readLuks2Copies(source, signal);
  if (stored === null) return null;
  const materials = [];
  for (const keyslot of wayKeyslots(stored.metadata)) materials.push(await readMaterialHash(source, keyslot, signal));
  const plan = planFor(stored, null);
  const found = materials.map((material) => keyslotFound(stored.metadata, plan, material));
  const facts = luks2Facts(
    { stored, plan, materials, sizeBytes: source.sizeBytes },
    found.map(({ protector }) => protector),
  );
  return new Luks2EncryptedHeader(source, stored, plan, facts, found);
}

class Luks2EncryptedHeader implements EncryptedHeader {
  readonly facts: EncryptedVolume;
  readonly #source: VolumeSource;
  readonly #stored: Luks2Stored;
  readonly #ways: readonly Luks2Way[];
  /** Of the other keyslots, by their protectors' ids. */
  readonly #obstacles: ReadonlyMap<string, Obstacle>;
  #plan: Luks2Plan;

  constructor(
    source: VolumeSource,
    stored: Luks2Stored,
    plan: Luks2Plan,
    facts: EncryptedVolume,
    keyslots: readonly Luks2KeyslotFound[],
  ) {
    this.facts = facts;
    this.#source = source;
    this.#stored = stored;
    this.#plan = plan;
    this.#ways = keyslots.flatMap(({ way }) => way ?? []);
    this.#obstacles = new Map(
      keyslots.flatMap(({ protector, obstacle }) => (obstacle === null ? [] : [[protector.id, obstacle] as const])),
    );
  }

  protectorsFor({ kind }: Pick<VolumeSecret, "kind">): readonly Protector[] {
    return fitsKeyslots(kind) ? waysInOrder(this.#ways).map(({ protector }) => protector) : [];
  }

  protectorsOnRequest({ kind }: Pick<VolumeSecret, "kind">): readonly Protector[] {
    const ignored = this.#ways.filter(({ keyslot }) => keyslot.priority === "ignore");
    return fitsKeyslots(kind) ? ignored.map(({ protector }) => protector) : [];
  }

  async unlock(secret: VolumeSecret, terms: UnlockTerms, signal: AbortSignal): Promise<UnlockedVolume> {
    this.#assertReadable();
    this.#assertVerifiable();
    const keys = await this.#findKeys(secret, terms, signal);
    using undo = new DisposableStack();
    for (const { key } of keys) undo.use(key);
    const { conversion } = this.#plan;
    if (conversion !== null) await verifySeal(conversion, keys, terms, signal);
    if (secret.kind === "volume-key" && this.facts.keyBits === 0)
      this.#plan = planFor(this.#stored, secret.secret.bytes.length);
    return unlocked(this.#plan, keys);
  }

  mapping(dataBytes: number): Mapping {
    this.#assertReadable();
    return luks2Mapping(this.#plan, dataSegments(this.#stored.metadata), dataBytes);
  }

  async #findKeys(secret: VolumeSecret, terms: UnlockTerms, signal: AbortSignal): Promise<readonly FoundKey[]> {
    const { keys } = this.#plan;
    if (secret.kind === "volume-key") return verifiedVolumeKey(keys, secret.secret, terms, signal);
    if (secret.kind !== "passphrase" && secret.kind !== "key-file") {
      throw new LockstepError("SECRET_REJECTED", "Opening a LUKS2 volume: it takes a passphrase or a key file.");
    }
    const isPlain = this.#plan.conversion === null && this.#plan.ciphers.length === 0;
    if (isPlain && secret.secret.bytes.length > 0) {
      // As cryptsetup: a header with a null cipher, swapped in by somebody, must not look as if the passphrase had opened it.
      const found = "it has a null cipher, and is stored in plain: no passphrase opens it but the empty one";
      throw new LockstepError("SECRET_REJECTED", `Opening a LUKS2 volume: ${found}.`);
    }
    const ways = terms.only === null ? waysInOrder(this.#ways) : this.#waysFrom(terms.only);
    if (ways.length === 0) throw this.#nothingToTry();
    return tryKeyslots(this.#source, ways, keys, secret.secret, terms, signal);
  }

  #nothingToTry(): LockstepError {
    const asleep = { code: "SECRET_REJECTED", why: "it is tried only where it is named" } as const;
    return nothingToTry(
      "Opening a LUKS2 volume",
      new Map([...this.#obstacles, ...this.#ways.map(({ protector }) => [protector.id, asleep] as const)]),
    );
  }

  /** The one that was asked for; while the volume is converted also those of its other key. */
  #waysFrom(only: string): readonly Luks2Way[] {
    const asked = this.#ways.find(({ protector }) => protector.id === only);
    if (asked !== undefined) {
      return [asked, ...waysInOrder(this.#ways).filter(({ digest }) => digest !== asked.digest)];
    }
    const obstacle = this.#obstacles.get(only);
    if (obstacle === undefined) {
      throw new LockstepError("SECRET_REJECTED", `Opening a LUKS2 volume: it has no ${only}.`);
    }
    throw new LockstepError(obstacle.code, `Opening a LUKS2 volume with ${only}: ${obstacle.why}.`);
  }

  #assertReadable(): void {
    const { unreadable } = this.#plan;
    if (unreadable !== null) throw new LockstepError("VOLUME_UNSUPPORTED", `LUKS2 volume: ${unreadable}`);
  }

  /** Without a digest that verifies keys any secret would open the volume, or none. */
  #assertVerifiable(): void {
    const { keys, conversion } = this.#plan;
    for (const digest of conversion === null ? keys : [...keys, conversion.seal]) {
      const fault = digestFault(digest);
      if (fault !== null) throw fault;
    }
  }
}

function fitsKeyslots(kind: VolumeSecret["kind"]): boolean {
  return kind === "passphrase" || kind === "key-file";
}

/** Preferred ones first, then the cheapest; those with the priority "ignore" are left out. */
function waysInOrder(ways: readonly Luks2Way[]): readonly Luks2Way[] {
  const rank = ({ keyslot }: Luks2Way): number => (keyslot.priority === "prefer" ? 0 : 1);
  return ways
    .filter(({ keyslot }) => keyslot.priority !== "ignore")
    .toSorted((a, b) => rank(a) - rank(b) || a.protector.cost.seconds - b.protector.cost.seconds);
}

/** @param kept  length of a volume key that no keyslot holds; null where none is known */
function planFor({ metadata }: Luks2Stored, kept: number | null): Luks2Plan {
  return planOf(metadata, (digest: Luks2Digest) => {
    const keyslot = metadata.keyslots.find(({ number, content }) => {
      return content.kind === "volume key" && digest.keyslots.includes(number);
    });
    const cipher = metadata.segments.find(({ number }) => digest.segments.includes(number))?.crypt?.cipher ?? "";
    // Without a keyslot nothing says the length: this is cryptsetup's default.
    return keyslot?.keyBytes ?? kept ?? (cipher.includes("xts") ? 64 : 32);
  });
}

function unlocked({ ciphers }: Luks2Plan, keys: readonly FoundKey[]): UnlockedVolume {
  const volumeKeys = ciphers.map(({ key: wanted }) => {
    const found = keys.find(({ digest }) => digest === wanted);
    if (found === undefined) throw new Error("a key was found for each digest of the plan");
    return new Secret(found.key.bytes.slice());
  });
  const opened = keys.flatMap(({ way }) => way?.protector ?? []);
  return {
    protector: opened.at(-1) ?? null,
    others: opened.slice(0, -1),
    volumeKeys,
    [Symbol.dispose]: () => {
      for (const key of volumeKeys) key.wipe();
    },
  };
}
