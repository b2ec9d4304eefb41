import { guessContent, samplePieces } from "#volume/ciphertext-guess.ts";
import { btrfs } from "#volume/filesystem/btrfs.ts";
import { exfat } from "#volume/filesystem/exfat.ts";
import { ext } from "#volume/filesystem/ext.ts";
import { fat } from "#volume/filesystem/fat.ts";
import { lvm } from "#volume/filesystem/lvm.ts";
import { otherMarks } from "#volume/filesystem/marks.ts";
import { ntfs } from "#volume/filesystem/ntfs.ts";
import type { ContentFormat, ContentProblem, Recognised, Verified } from "#volume/filesystem/recognised.ts";
import { swap } from "#volume/filesystem/swap.ts";
import { xfs } from "#volume/filesystem/xfs.ts";
import { findPartitionTable } from "#volume/partitions/partitioned.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

/** What is on a volume that is not encrypted, or in one that was decrypted. */
export type PlainContent =
  | Recognised
  /** Nothing but zeros in what was sampled. */
  | { readonly kind: "empty"; readonly words: string; readonly sampledBytes: number }
  /** In no format that is known here; what it looks like is a guess by statistics. */
  | {
      readonly kind: "unknown";
      readonly guess: "ciphertext" | "plain data" | "too little data";
      readonly words: string;
      readonly sampledBytes: number;
    };

/** Structures of almost all formats begin in here, so one read serves them. */
const HEAD_BYTES = 256 * 1024;

/** Of equally well verified ones the first counts. */
const formats: readonly ContentFormat[] = [lvm, xfs, ext, btrfs, ntfs, exfat, fat, swap, otherMarks];

const weights: Readonly<Record<Verified, number>> = { checksum: 2, structure: 1, "magic only": 0 };

/**
 * Recognises a file system, swap space, LVM physical volume or member of something larger by its structures, and says how far
 * they were verified; or guesses. Where several formats left their marks, the best verified one counts and the others are
 * problems. A partition table is looked for where no checksum fits. Copies of structures are looked for where the first one
 * is damaged, or where nothing at all was found; those may be remains of what was there before. Does not look for encryption
 * headers: ask for those first.
 *
 * Reads 4 MiB at most. Texts from the volume are made visible. Malformed content is a problem in the result, never an error.
 *
 * @throws {LockstepError} what the source throws: DISK_UNREADABLE, CANCELLED
 */
export async function readContent(source: VolumeSource, signal: AbortSignal): Promise<PlainContent> {
  const headed = await withHead(source, signal);
  const found = await findIn(headed, signal);
  if (found !== null) return found;
  for (const format of formats) {
    const copy = await format.findCopy(headed, signal);
    if (copy !== null && copy.verified !== "magic only") return copy;
  }
  const { guess, words, sampledBytes } = guessContent(await samplePieces(headed, signal));
  return guess === "empty" ? { kind: "empty", words, sampledBytes } : { kind: "unknown", guess, words, sampledBytes };
}

/**
 * As `readContent`, by what is at the first places alone: neither looks for copies where nothing is, which may be remains of
 * what was there before, nor guesses.
 *
 * @returns null when nothing is recognised
 * @throws {LockstepError} what the source throws: DISK_UNREADABLE, CANCELLED
 */
export async function findContent(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null> {
  return findIn(await withHead(source, signal), signal);
}

async function findIn(headed: VolumeSource, signal: AbortSignal): Promise<Recognised | null> {
  const found: Recognised[] = [];
  for (const format of formats) {
    const one = await format.find(headed, signal);
    if (one !== null) found.push(one);
  }
  if (!found.some(({ verified }) => verified === "checksum")) {
    const table = await findPartitionTable(headed, signal);
    if (table !== null) found.push(table);
  }
  const [best, ...others] = found.toSorted((a, b) => weights[b.verified] - weights[a.verified]);
  return best === undefined ? null : { ...best, problems: [...best.problems, ...others.map(otherSignature)] };
}

function otherSignature({ type, copy, verified }: Recognised): ContentProblem {
  const message = `there is also ${type} at byte ${copy.offsetBytes} (${verified})`;
  return { code: "OTHER_SIGNATURE", message };
}

/** The source with its first bytes in memory. */
async function withHead(source: VolumeSource, signal: AbortSignal): Promise<VolumeSource> {
  const head = await readUpTo(source, 0, HEAD_BYTES, signal);
  return {
    sizeBytes: source.sizeBytes,
    sectorBytes: source.sectorBytes,
    read(offsetBytes, lengthBytes, readSignal) {
      if (offsetBytes < 0 || offsetBytes + lengthBytes > head.length) {
        return source.read(offsetBytes, lengthBytes, readSignal);
      }
      return Promise.resolve(head.slice(offsetBytes, offsetBytes + lengthBytes));
    },
  };
}
