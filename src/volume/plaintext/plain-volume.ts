import type { Secret } from "#bytes/secret.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import type { SectorCipher } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";
import { decryptSectors } from "#volume/plaintext/decrypt-sectors.ts";
import type { BlankSectors } from "#volume/plaintext/decrypt-sectors.ts";
import { checkMapping } from "#volume/plaintext/mapping-check.ts";
import type { MappedContent, MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** The plaintext of an encrypted volume, read at any offset and length. Wipes its keys when it is disposed of. */
export interface PlainVolume extends VolumeSource, Disposable {}

/** At most this much is read and decrypted at once: the event loop waits for so long. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Reads a volume's plaintext. Does not verify that the keys are the volume's: `unlock` did.
 *
 * Its `read` gives the errors of the source's `read`; an offset or length outside the volume is ARGUMENT_INVALID, and so is
 * reading what is encrypted after it was disposed of.
 *
 * @param source      what the mapping was made for; nothing outside the mapping's stretches is read
 * @param volumeKeys  parallel to the mapping's ciphers; copied
 * @param blankSectors  see `decryptSectors`
 * @throws {LockstepError} ARGUMENT_INVALID: the mapping does not fit itself, the source or the keys · VOLUME_UNSUPPORTED: a
 *   cipher that is not read here
 */
export function openPlainVolume(
  source: VolumeSource,
  mapping: Mapping,
  volumeKeys: readonly Secret[],
  blankSectors: BlankSectors = "decrypted",
): PlainVolume {
  checkMapping(mapping, source.sizeBytes);
  if (volumeKeys.length !== mapping.ciphers.length) {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      `opening a volume: ${volumeKeys.length} keys for ${mapping.ciphers.length} ciphers`,
    );
  }
  using opened = new DisposableStack();
  const ciphers = volumeKeys.map((key, number) => {
    const spec = mapping.ciphers[number];
    if (spec === undefined) throw new Error("checked above");
    return opened.use(openSectorCipher(spec, key.bytes));
  });
  return new MappedVolume(source, mapping, ciphers, blankSectors, opened.move());
}

class MappedVolume implements PlainVolume {
  readonly sizeBytes: number;
  readonly sectorBytes: number | null;
  readonly #source: VolumeSource;
  readonly #stretches: readonly MappedStretch[];
  readonly #ciphers: readonly SectorCipher[];
  readonly #blankSectors: BlankSectors;
  readonly #opened: DisposableStack;

  constructor(
    source: VolumeSource,
    mapping: Mapping,
    ciphers: readonly SectorCipher[],
    blankSectors: BlankSectors,
    opened: DisposableStack,
  ) {
    this.sizeBytes = mapping.sizeBytes;
    // As dm-crypt: a device cannot be written in units smaller than a sector of its cipher.
    this.sectorBytes =
      source.sectorBytes === null ? null : Math.max(source.sectorBytes, ...mapping.ciphers.map((c) => c.sectorBytes));
    this.#source = source;
    this.#stretches = mapping.stretches;
    this.#ciphers = ciphers;
    this.#blankSectors = blankSectors;
    this.#opened = opened;
  }

  async read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const end = offsetBytes + lengthBytes;
    if (!Number.isSafeInteger(offsetBytes) || !Number.isSafeInteger(lengthBytes))
      throw this.#outside(offsetBytes, lengthBytes);
    if (offsetBytes < 0 || lengthBytes < 0 || end > this.sizeBytes) throw this.#outside(offsetBytes, lengthBytes);

    let whole: Uint8Array | null = null;
    for (let at = offsetBytes; at < end;) {
      const stretch = this.#stretchAt(at);
      const length = Math.min(end - at, stretch.offsetBytes + stretch.lengthBytes - at, PIECE_BYTES);
      const piece = await this.#piece(stretch.content, at - stretch.offsetBytes, length, signal);
      if (length === lengthBytes) return piece;
      whole ??= new Uint8Array(lengthBytes);
      whole.set(piece, at - offsetBytes);
      at += length;
    }
    return whole ?? new Uint8Array();
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }

  /** A part of a stretch; `at` counts from the stretch's start. */
  async #piece(content: MappedContent, at: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    throwIfCancelled(signal);
    if (content.kind === "zeros") return new Uint8Array(length);
    if (content.kind === "literal") return content.bytes.slice(at, at + length);
    if (content.kind === "plain") return this.#source.read(content.sourceOffsetBytes + at, length, signal);

    const cipher = this.#ciphers[content.cipher];
    if (cipher === undefined) throw new Error("the mapping was checked");
    const { sectorBytes } = cipher.spec;
    const from = at - (at % sectorBytes);
    const to = Math.ceil((at + length) / sectorBytes) * sectorBytes;
    const sectors = await this.#source.read(content.sourceOffsetBytes + from, to - from, signal);
    decryptSectors(sectors, { content, offsetBytes: from }, cipher, this.#blankSectors);
    return sectors.length === length ? sectors : sectors.subarray(at - from, at - from + length);
  }

  /** By bisection: BitLocker and half converted volumes have several. */
  #stretchAt(offsetBytes: number): MappedStretch {
    let low = 0;
    let high = this.#stretches.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#stretches[middle]?.offsetBytes ?? 0) <= offsetBytes) low = middle;
      else high = middle - 1;
    }
    const stretch = this.#stretches[low];
    if (stretch === undefined) throw new Error("the mapping was checked");
    return stretch;
  }

  #outside(offsetBytes: number, lengthBytes: number): LockstepError {
    return new LockstepError(
      "ARGUMENT_INVALID",
      `reading ${lengthBytes} bytes at ${offsetBytes}: the volume has ${this.sizeBytes} bytes`,
    );
  }
}
