import { Fields } from "#volume/filesystem/fields.ts";
import { readFileRecord, restoreRecord } from "#volume/filesystem/ntfs-record.ts";
import { parseBoot, type Boot } from "#volume/filesystem/ntfs.ts";
import { exact } from "#volume/filesystem/recognised.ts";
import type { Judgement, Structure, StructureFamily } from "#volume/filesystem/structure.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

const DATA = 0x80;
const END_OF_ATTRIBUTES = 0xffffffff;
/** The mirror has the first four records at least. */
const MIRRORED = 4;
/** From Windows XP on a record has its own number, in front of the update sequence. */
const NUMBER_AT = 44;
const FLAGS_AT = 22;
const IN_USE = 1;

/** Records of the file table that follow one another on the volume. */
type RecordRun = { readonly first: number; readonly count: number; readonly offsetBytes: number };

/**
 * The structures of NTFS that can be told to be right: records of the file table, wherever it lies, those of its mirror, and
 * the copy of the boot sector, which shows nothing where it is none.
 *
 * @param source  with a boot sector and a file table that are right
 * @see Linux fs/ntfs3/ntfs.h: MFT_REC, ATTRIB; fs/ntfs3/run.c for the runs
 */
export async function ntfsStructures(source: VolumeSource, signal: AbortSignal): Promise<readonly StructureFamily[]> {
  const boot = parseBoot(await readUpTo(source, 0, 512, signal));
  if (boot === null) return [];
  const { recordBytes, tableAt, mirrorAt, sectors, sectorBytes } = boot;
  const table = await readFileRecord(source, tableAt, recordBytes, signal);
  const runs = table === null ? [] : runsOf(table, boot);
  const record = (offsetBytes: number, number: number): Structure => ({
    place: { offsetBytes, lengthBytes: recordBytes },
    judge: (bytes) => judgeRecord(bytes, recordBytes, number),
  });
  const copyAt = exact(sectors * BigInt(sectorBytes)) ?? 0;
  return [
    {
      count: runs.reduce((sum, { count }) => sum + count, 0),
      at: (index) => {
        const { run, at } = runAt(runs, index);
        return record(run.offsetBytes + at * recordBytes, run.first + at);
      },
    },
    { count: MIRRORED, at: (number) => record(mirrorAt + number * recordBytes, number) },
    {
      count: 1,
      at: () => ({
        place: { offsetBytes: copyAt, lengthBytes: 512 },
        judge: (bytes) => (parseBoot(bytes)?.serial === boot.serial ? "right" : "shows nothing"),
      }),
    },
  ];
}

/** Programs leave records that are not in use without number and update sequence: such a one shows nothing. */
function judgeRecord(bytes: Uint8Array, recordBytes: number, number: number): Judgement {
  const at = new Fields(bytes);
  if (bytes.length < recordBytes || !at.is(0, "FILE")) return "wrong";
  const isUsed = (at.u16(FLAGS_AT) & IN_USE) !== 0;
  const hasNumber = at.u16(4) >= NUMBER_AT + 4;
  const isOther = hasNumber && at.u32(NUMBER_AT) !== number;
  if (!isOther && restoreRecord(bytes) !== null) return "right";
  return isUsed ? "wrong" : "shows nothing";
}

function runAt(runs: readonly RecordRun[], index: number): { readonly run: RecordRun; readonly at: number } {
  let at = index;
  for (const run of runs) {
    if (at < run.count) return { run, at };
    at -= run.count;
  }
  throw new Error("an index is below the family's count");
}

/** Where the file table's records lie, by its own first record, as far as they were ever written. */
function runsOf(record: Uint8Array, { clusterBytes, recordBytes }: Boot): readonly RecordRun[] {
  const data = findData(record);
  if (data === null) return [];
  const written = Math.floor((exact(data.initializedBytes) ?? 0) / recordBytes);
  const found: RecordRun[] = [];
  let at = 0; // in the file table
  for (const { clusters, cluster } of clusterRuns(data.runs)) {
    const lengthBytes = clusters * clusterBytes;
    const first = Math.ceil(at / recordBytes);
    const end = Math.min(Math.floor((at + lengthBytes) / recordBytes), written);
    const offsetBytes = cluster * clusterBytes + (first * recordBytes - at);
    at += lengthBytes;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(offsetBytes)) break;
    if (end > first && offsetBytes >= 0) found.push({ first, count: end - first, offsetBytes });
  }
  return found;
}

/** The unnamed data of a file that lies outside its record: the encoded runs, and how much of it was written. */
function findData(record: Uint8Array): { readonly runs: Uint8Array; readonly initializedBytes: bigint } | null {
  const at = new Fields(record);
  let attributeAt = at.u16(20);
  // an attribute has at least 24 bytes, so this ends
  while (attributeAt >= 40 && attributeAt + 64 <= record.length) {
    const type = at.u32(attributeAt);
    const length = at.u32(attributeAt + 4);
    if (type === END_OF_ATTRIBUTES || length < 24 || attributeAt + length > record.length) return null;
    if (type === DATA && at.u8(attributeAt + 8) === 1 && at.u8(attributeAt + 9) === 0 && length >= 64) {
      const runsAt = at.u16(attributeAt + 32);
      if (runsAt < 64 || runsAt >= length) return null;
      return {
        runs: at.part(attributeAt + runsAt, length - runsAt),
        initializedBytes: at.u64(attributeAt + 56),
      };
    }
    attributeAt += length;
  }
  return null;
}

/** Decodes runs: each a byte with two lengths, then a count of clusters and the distance from the run before. */
function* clusterRuns(encoded: Uint8Array): Generator<{ readonly clusters: number; readonly cluster: number }> {
  let cluster = 0;
  for (let at = 0; at < encoded.length && encoded[at] !== 0;) {
    const head = encoded[at] ?? 0;
    const [countBytes, distanceBytes] = [head & 0xf, head >> 4];
    const next = at + 1 + countBytes + distanceBytes;
    // without a distance it is a hole, which the file table has none of
    if (countBytes === 0 || countBytes > 6 || distanceBytes === 0 || distanceBytes > 6 || next > encoded.length) return;
    const clusters = numberAt(encoded, at + 1, countBytes);
    const distance = numberAt(encoded, at + 1 + countBytes, distanceBytes);
    cluster += distance >= 2 ** (8 * distanceBytes - 1) ? distance - 2 ** (8 * distanceBytes) : distance;
    yield { clusters, cluster };
    at = next;
  }
}

/** Little-endian, of at most 6 bytes. */
function numberAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}
