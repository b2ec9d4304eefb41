import type { Pieces, Store } from "#store/contract.ts";
import type { Retry } from "#store/retry.ts";
import type { SegmentNames } from "#vault/log/session-names.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import type { DiskId, MachineId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import type { SegmentGrant } from "#vault/segments/block-sealer.ts";
import { storeSegment } from "#vault/segments/segment-store.ts";
import { newSegmentCipher } from "#vault/segments/segment.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { NodeWriter } from "#vault/tree/node-writer.ts";
import { TreeUpdate } from "#vault/tree/tree-update.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** What a disk writer needs of the vault. */
export type DiskWriterDeps = {
  readonly store: Store;
  readonly keys: VaultKeys;
  readonly retry: Retry;
  readonly machine: MachineId;
  readonly names: SegmentNames;
  readonly nodes: NodeReader;
};

/** Writes one disk of a point in an open backup session: data segments, and the block tree over them. */
export class DiskWriter {
  readonly #deps: DiskWriterDeps;
  readonly #disk: DiskId;
  readonly #nodeWriter: NodeWriter;
  readonly #tree: TreeUpdate;
  #dataBytes = 0;

  private constructor(deps: DiskWriterDeps, disk: DiskId, nodeWriter: NodeWriter, tree: TreeUpdate) {
    this.#deps = deps;
    this.#disk = disk;
    this.#nodeWriter = nodeWriter;
    this.#tree = tree;
  }

  /**
   * @param from.base    the tree that blocks are compared with
   * @param from.blocks  blocks that the disk has now
   * @param from.replacesDamage  unreadable nodes of the base are written anew: only where every block is set
   */
  static async open(
    deps: DiskWriterDeps,
    from: { disk: DiskId; base: TreeShape; blocks: number; replacesDamage: boolean },
    signal: AbortSignal,
  ): Promise<DiskWriter> {
    const { store, keys, retry, machine, names } = deps;
    const nodeWriter = new NodeWriter(
      () => {
        const segment = names.next();
        const name = { machine, disk: from.disk, kind: "nodes", segment, generation: firstGeneration } as const;
        const cipher = newSegmentCipher(keys, name);
        return {
          segment,
          cipher,
          store: (pieces, abort) => storeSegment({ store, retry }, cipher, "nodes", pieces, abort),
        };
      },
      fingerprintKey(keys, from.disk),
      signal,
    );
    const { base: old, blocks, replacesDamage } = from;
    const tree = await TreeUpdate.open({ nodes: deps.nodes, writer: nodeWriter, old, blocks, replacesDamage }, signal);
    return new DiskWriter(deps, from.disk, nodeWriter, tree);
  }

  /** The tree that is being made: set its blocks in ascending order. */
  get tree(): TreeUpdate {
    return this.#tree;
  }

  /** Bytes written to the store so far, second copies not counted. */
  get storedBytes(): number {
    return this.#dataBytes + this.#nodeWriter.storedBytes;
  }

  /** Names a data segment that is going to be filled. */
  newSegment(): Omit<SegmentGrant, "buffer"> {
    const { keys, machine, names } = this.#deps;
    const segment = names.next();
    const name = { machine, disk: this.#disk, kind: "data", segment, generation: firstGeneration } as const;
    return { segment, cipher: newSegmentCipher(keys, name) };
  }

  /** Stores a filled data segment; durable when it resolves. */
  async storeData(grant: Omit<SegmentGrant, "buffer">, pieces: Pieces, signal: AbortSignal): Promise<void> {
    await storeSegment(this.#deps, grant.cipher, "data", pieces, signal);
    for (const piece of pieces) this.#dataBytes += piece.length;
  }

  /**
   * The root of the tree as of now, all of its nodes durable. The data segments must have been stored before; the disk
   * can be written on.
   */
  async flushTree(): Promise<Uint8Array | null> {
    const root = this.#tree.snapshot();
    await this.#nodeWriter.flush();
    return root;
  }
}
