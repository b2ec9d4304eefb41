import { equalBytes, isZero } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { gptPartitions, readGptEntries, readGptHeader, type GptCopy, type GptHeader } from "#volume/partitions/gpt.ts";
import { withoutOverlaps, type PartitionTable, type TableProblem } from "#volume/partitions/partition.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

type GoodCopy = GptCopy & { readonly state: "good" };

/** The headers of both copies for a sector size: null without a signature, a text says what is wrong with one that has it. */
export type GptHeaders = {
  readonly sectorBytes: number;
  readonly first: GptHeader | string | null;
  readonly second: GptHeader | string | null;
};

/** Both copies of a GPT, as they were found. */
export type GptCopies = {
  readonly sectorBytes: number;
  readonly first: GptCopy;
  readonly second: GptCopy;
};

/** Behind this no format that takes a whole disk keeps its first mark. */
const START_BYTES = 128 * 1024;

/**
 * Reads the headers of both copies of a GPT. The second is looked for where the first says, at the last sector, and where the
 * protective MBR says that the disk once ended: four sectors at most.
 *
 * @param oldLast  last sector by the protective MBR; null where it does not say
 */
export async function readGptHeaders(
  source: VolumeSource,
  sectorBytes: number,
  oldLast: number | null,
  signal: AbortSignal,
): Promise<GptHeaders> {
  const diskSectors = Math.floor(source.sizeBytes / sectorBytes);
  const first = diskSectors < 2 ? null : await readGptHeader(source, sectorBytes, 1, signal);
  const hints = [diskSectors - 1, oldLast];
  if (isValid(first)) hints.unshift(first.otherAt);
  let second: GptHeader | string | null = null;
  for (const at of new Set(hints)) {
    if (at === null || at < 2 || at >= diskSectors) continue;
    const found = await readGptHeader(source, sectorBytes, at, signal);
    second = second ?? found;
    if (!isValid(found)) continue;
    second = found;
    break;
  }
  return { sectorBytes, first, second };
}

/** True for a header that is there and valid. */
export function isValid(header: GptHeader | string | null): header is GptHeader {
  return header !== null && typeof header !== "string";
}

/** Reads the entries of both copies: 1 MiB each at most. */
export async function readGptCopies(
  source: VolumeSource,
  headers: GptHeaders,
  signal: AbortSignal,
): Promise<GptCopies> {
  return {
    sectorBytes: headers.sectorBytes,
    first: await readGptEntries(source, headers.first, signal),
    second: await readGptEntries(source, headers.second, signal),
  };
}

/**
 * True when a second copy without a good first one and without a protective MBR is the table of this disk, not the remains of
 * an older use of it: the first copy's entries are still there under its signature, or nothing else than remains of it lies at
 * the start, up to the first partition.
 */
export async function isOfThisDisk(source: VolumeSource, second: GoodCopy, signal: AbortSignal): Promise<boolean> {
  const { sectorBytes } = second.header;
  const partitions = gptPartitions(second, [], Number.MAX_SAFE_INTEGER, []);
  const lowest = Math.min(...partitions.map(({ place }) => place.offsetBytes), START_BYTES);
  const start = await readUpTo(source, 0, lowest, signal);
  const header = start.subarray(sectorBytes, 2 * sectorBytes);
  const entries = start.subarray(2 * sectorBytes, 2 * sectorBytes + second.entries.length);
  const isSigned = header.length > 0 && new Fields(header).is(0, "EFI PART");
  const areSame = equalBytes(entries, second.entries.subarray(0, entries.length));
  if (isSigned && areSame && !isZero(entries)) return true;
  if (isSigned) header.fill(0);
  if (areSame) entries.fill(0);
  return isZero(start);
}

/** The table of the better copy; null when neither is good. */
export function gptTable(copies: GptCopies, sizeBytes: number, problems: TableProblem[]): PartitionTable | null {
  const { first, second, sectorBytes } = copies;
  const diskSectors = Math.floor(sizeBytes / sectorBytes);
  const chosen = first.state === "good" ? first : second;
  if (chosen.state !== "good") return null;
  if (first.state !== "good") problems.push(damaged("first", "at sector 1", first));
  if (second.state !== "good") problems.push(damaged("second", "at the end of the disk", second));
  else if (second.header.at !== diskSectors - 1) {
    const message = `the second copy is at sector ${second.header.at}, the disk's last is ${diskSectors - 1}`;
    problems.push({ code: "COPY_NOT_AT_END", message });
  }
  const areDifferent = first.state === "good" && second.state === "good" && differ(first, second);
  if (areDifferent) {
    const message = "both copies of the GPT are valid and say different things; the first was read";
    problems.push({ code: "COPIES_DIFFER", message });
  }
  const reserved = [first, second].flatMap((copy) => (copy.state === "good" ? reservedBy(copy.header) : []));
  const partitions = gptPartitions(chosen, [[0, 1], ...reserved], diskSectors, problems);
  return {
    kind: "gpt",
    sectorBytes,
    id: chosen.header.diskId,
    partitions: withoutOverlaps(partitions, problems),
    problems,
    copies: stateOf(first, second, areDifferent),
  };
}

function stateOf(first: GptCopy, second: GptCopy, areDifferent: boolean): PartitionTable["copies"] {
  if (first.state !== "good") return "only the second good";
  if (second.state !== "good") return "only the first good";
  return areDifferent ? "differ" : "both good";
}

function reservedBy({ at, entriesAt, entryCount, entryBytes, sectorBytes }: GptHeader): (readonly [number, number])[] {
  const entrySectors = Math.ceil((entryCount * entryBytes) / sectorBytes);
  return entrySectors === 0
    ? [[at, at]]
    : [
        [at, at],
        [entriesAt, entriesAt + entrySectors - 1],
      ];
}

function damaged(which: string, where: string, copy: GptCopy): TableProblem {
  const found = copy.state === "damaged" ? `is damaged: ${copy.why}` : "is missing";
  return { code: "COPY_DAMAGED", message: `the ${which} copy of the GPT, ${where}, ${found}` };
}

function differ(first: GoodCopy, second: GoodCopy): boolean {
  const [a, b] = [first.header, second.header];
  return (
    a.diskId !== b.diskId ||
    a.firstUsable !== b.firstUsable ||
    a.lastUsable !== b.lastUsable ||
    a.entryBytes !== b.entryBytes ||
    !equalBytes(first.entries, second.entries)
  );
}
