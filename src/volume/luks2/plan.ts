import { parseCipher } from "#volume/cipher/cipher-name.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { conversionDigests, conversionOf } from "#volume/luks2/conversion.ts";
import type { Luks2Conversion } from "#volume/luks2/conversion.ts";
import { dataSegments, digestsOf } from "#volume/luks2/metadata.ts";
import type { Luks2Crypt, Luks2Digest, Luks2Metadata, Luks2Segment } from "#volume/luks2/metadata.ts";
import { unmetRequirement } from "#volume/luks2/requirements.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** How a LUKS2 volume is read, with its keys. */
export type Luks2Plan = {
  /** The digests of the volume keys that it takes, the old one first while it is converted. */
  readonly keys: readonly Luks2Digest[];
  readonly ciphers: readonly { readonly spec: SectorCipherSpec; readonly key: Luks2Digest }[];
  /** For each data segment, by its number, which of the ciphers; null: it is stored in plain. */
  readonly uses: ReadonlyMap<number, number | null>;
  readonly conversion: Luks2Conversion | null;
  /** Why the volume cannot be read with any key, in words; null when it can. */
  readonly unreadable: string | null;
};

/**
 * Decides how a volume is read whose header obeys the rules.
 *
 * @param keyBytesOf  length of the key that a digest is of
 */
export function planOf(metadata: Luks2Metadata, keyBytesOf: (digest: Luks2Digest) => number): Luks2Plan {
  const conversion = conversionOf(metadata);
  const known = typeof conversion === "string" ? null : conversion;
  const plan = new PlanMaker(metadata, known, keyBytesOf);
  const unreadable =
    unmetRequirement(metadata.config.requirements) ??
    (typeof conversion === "string" ? conversion : null) ??
    plan.addSegments();
  return { keys: plan.keys, ciphers: plan.ciphers, uses: plan.uses, conversion: known, unreadable };
}

/** Collects ciphers, each once. */
class PlanMaker {
  readonly keys: readonly Luks2Digest[];
  readonly ciphers: { spec: SectorCipherSpec; key: Luks2Digest }[] = [];
  readonly uses = new Map<number, number | null>();
  readonly #metadata: Luks2Metadata;
  readonly #conversion: Luks2Conversion | null;
  readonly #keyBytesOf: (digest: Luks2Digest) => number;

  constructor(
    metadata: Luks2Metadata,
    conversion: Luks2Conversion | null,
    keyBytesOf: (digest: Luks2Digest) => number,
  ) {
    this.#metadata = metadata;
    this.#conversion = conversion;
    this.#keyBytesOf = keyBytesOf;
    const [first] = dataSegments(metadata);
    this.keys =
      conversion === null
        ? first === undefined
          ? []
          : digestsOf(metadata, first).slice(0, 1)
        : conversionDigests(metadata, conversion);
  }

  /** @returns why the volume cannot be read; null when it can */
  addSegments(): string | null {
    const data = dataSegments(this.#metadata);
    if (this.#conversion === null && data.length !== 1) {
      return `it has ${data.length} segments, and no conversion is under way`;
    }
    for (const segment of data) {
      const why = this.#addSegment(segment);
      if (why !== null) return `segment ${segment.number}: ${why}`;
    }
    return null;
  }

  #addSegment(segment: Luks2Segment): string | null {
    const { type, number, crypt } = segment;
    if (type === "linear") {
      this.uses.set(number, null);
      return this.#conversion === null ? "it is stored in plain (linear): the volume is not encrypted" : null;
    }
    if (type.startsWith("hw-opal")) return "a self-encrypting drive (OPAL) encrypts it";
    if (type !== "crypt" || crypt === null) return `its type ${visibleText(type.slice(0, 80))} is not known here`;
    const fault = faultOf(crypt);
    if (fault !== null) return fault;
    const digests = digestsOf(this.#metadata, segment);
    const key = this.keys.find((digest) => digests.includes(digest));
    if (key === undefined) return "its key is not one of those of the conversion";
    const spec = parseCipher(crypt.cipher, this.#keyBytesOf(key), crypt.sectorBytes);
    if ("unsupported" in spec) return spec.unsupported;
    this.uses.set(number, "notEncrypted" in spec ? null : this.#cipher(spec, key, segment));
    return null;
  }

  #cipher(spec: SectorCipherSpec, ofSegment: Luks2Digest, segment: Luks2Segment): number {
    const key = this.#conversion?.hot === segment ? (this.keys.at(-1) ?? ofSegment) : ofSegment;
    const name = JSON.stringify(spec);
    const found = this.ciphers.findIndex((cipher) => cipher.key === key && JSON.stringify(cipher.spec) === name);
    return found >= 0 ? found : this.ciphers.push({ spec, key }) - 1;
  }
}

/** What dm-crypt does not take. */
function faultOf({ sectorBytes, ivTweak, integrity }: Luks2Crypt): string | null {
  if (integrity !== null)
    return `it has integrity tags (${visibleText(integrity.slice(0, 80))}), which are not read here`;
  const isPossible = sectorBytes <= 4096 && (sectorBytes & (sectorBytes - 1)) === 0;
  if (!isPossible) return `sectors of ${sectorBytes} bytes are not possible`;
  return ivTweak % BigInt(sectorBytes / 512) === 0n ? null : `its iv_tweak ${ivTweak} is not that of a whole sector`;
}
