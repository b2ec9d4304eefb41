import { equalBytes } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { fingerprintAt, segmentAt, slotAt } from "#vault/segments/pointer.ts";
import { DamageError } from "#vault/segments/segment-reader.ts";
import type { SegmentReader, SegmentRef } from "#vault/segments/segment-reader.ts";
import { parseNode } from "#vault/tree/node.ts";

/** Reads nodes of one disk's block trees. */
export class NodeReader {
  readonly #segments: SegmentReader;
  readonly #disk: DiskId;
  readonly #fingerprint: ReturnType<typeof fingerprinter>;

  constructor(segments: SegmentReader, keys: VaultKeys, disk: DiskId) {
    this.#segments = segments;
    this.#disk = disk;
    this.#fingerprint = fingerprinter(fingerprintKey(keys, disk));
  }

  /**
   * The node that the pointer at `at` names: 32 pointers, absent ones as zeros; a copy. Null when it is not in memory:
   * `read` loads it.
   */
  loaded(pointers: Uint8Array, at: number, level: number): Uint8Array | null {
    const ref = this.#ref(pointers, at);
    const slot = slotAt(pointers, at);
    const plain = this.#segments.loadedSlot(ref, slot);
    return plain === null ? null : this.#check(plain, pointers, at, level, ref);
  }

  /** As `loaded`, but reads it. @throws {DamageError} BLOCK_DAMAGED */
  async read(pointers: Uint8Array, at: number, level: number, signal: AbortSignal): Promise<Uint8Array> {
    const ref = this.#ref(pointers, at);
    const plain = await this.#segments.readNearby(ref, slotAt(pointers, at), signal);
    return this.#check(plain, pointers, at, level, ref);
  }

  #ref(pointers: Uint8Array, at: number): SegmentRef {
    return { disk: this.#disk, kind: "nodes", segment: segmentAt(pointers, at) };
  }

  #check(plain: Uint8Array, pointers: Uint8Array, at: number, level: number, ref: SegmentRef): Uint8Array {
    if (!equalBytes(this.#fingerprint.of(plain), fingerprintAt(pointers, at))) {
      throw new DamageError({
        ref,
        slots: [slotAt(pointers, at)],
        why: "the node has another fingerprint than its pointer says",
      });
    }
    return parseNode(plain, level);
  }
}
