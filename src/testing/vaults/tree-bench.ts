import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { firstGeneration, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import { SegmentReader } from "#vault/segments/segment-reader.ts";
import { newSegmentCipher } from "#vault/segments/segment.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { NodeWriter } from "#vault/tree/node-writer.ts";

/** What block trees need around them, over a memory store: one disk of one machine, first generations only. */
export function treeBench(seed: string) {
  const random = seededRandom(seed);
  const store = memoryStore();
  const keys = testKeys(random);
  const machine = newId<MachineId>(random);
  const disk = newId<DiskId>(random);
  const { signal } = new AbortController();
  const session = sessionId(2, random(8));
  let counter = 0;

  const resolver = { current: () => firstGeneration, refresh: () => Promise.resolve() };
  const newReader = (): NodeReader => new NodeReader(new SegmentReader({ store, keys, machine, resolver }), keys, disk);

  const newSegment = () => {
    const segment = segmentId(session, counter++);
    const cipher = newSegmentCipher(keys, { machine, disk, kind: "nodes", segment, generation: firstGeneration });
    const put = async (pieces: readonly Uint8Array[]): Promise<void> => {
      await store.put(cipher.key, pieces, {}, signal);
    };
    return { segment, cipher, store: put };
  };
  const newWriter = (): NodeWriter => new NodeWriter(newSegment, fingerprintKey(keys, disk), signal);
  return { random, store, keys, machine, disk, signal, newReader, newWriter };
}
