import { appendRange } from "#disk/byte-ranges.ts";
import type { ByteRange } from "#disk/contract.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { LockstepError } from "#errors/errors.ts";

/** The smallest stretches that a bad place is narrowed down to: a page of the cache first, then a sector. */
const PAGE = 4096;
const SECTOR = 512;

/**
 * What the kernel answers when a medium, or a file system that keeps checksums, cannot give these bytes but perhaps
 * others: EIO and the codes of block/blk-core.c, and what ext4, XFS and Btrfs say of damaged structures.
 */
const mediumErrors: ReadonlySet<string> = new Set(["EIO", "ENODATA", "EILSEQ", "EREMOTEIO", "EBADMSG", "EUCLEAN"]);

/** Whether an error concerns the bytes that were asked for, not the disk as a whole. */
export function isMediumError(error: unknown): boolean {
  return mediumErrors.has(systemErrorName(error) ?? "");
}

/**
 * Fills `into` with what can be read, and zeros for what cannot: halves a piece that fails until a sector is left.
 *
 * @param read  fills a piece or throws; sees pieces that start and end at multiples of 512 as far as the call does
 * @returns     the stretches that are zeros only because they could not be read, in order, not touching
 * @throws      whatever `read` threw that is no medium error
 */
export async function readWhatCanBe(
  read: (offsetBytes: number, into: Uint8Array) => Promise<void>,
  offsetBytes: number,
  into: Uint8Array,
  signal: AbortSignal,
): Promise<ByteRange[]> {
  const bad: ByteRange[] = [];
  const salvage = async (at: number, piece: Uint8Array): Promise<void> => {
    signal.throwIfAborted();
    try {
      await read(at, piece);
    } catch (error) {
      if (!isMediumError(error)) throw error;
      const middle = splitPoint(at, at + piece.length);
      if (middle === null) {
        piece.fill(0);
        appendRange(bad, { offsetBytes: at, lengthBytes: piece.length });
      } else {
        await salvage(at, piece.subarray(0, middle - at));
        await salvage(middle, piece.subarray(middle - at));
      }
    }
  };
  await salvage(offsetBytes, into);
  return bad;
}

/** A page boundary near the middle, else a sector boundary; null inside one sector. */
function splitPoint(start: number, end: number): number | null {
  for (const unit of [PAGE, SECTOR]) {
    const middle = Math.ceil((start + end) / 2 / unit) * unit;
    if (middle > start && middle < end) return middle;
    if (middle - unit > start) return middle - unit;
  }
  return null;
}

/** The error for stretches that could not be read. */
export function unreadable(path: string, ranges: readonly ByteRange[], cause?: unknown): LockstepError {
  const shown = ranges.slice(0, 4).map((range) => `${range.offsetBytes}-${range.offsetBytes + range.lengthBytes - 1}`);
  const more = ranges.length > shown.length ? ` and ${ranges.length - shown.length} more stretches` : "";
  return new LockstepError("DISK_UNREADABLE", `reading ${path}: bytes ${shown.join(", ")}${more} cannot be read`, {
    hint: "Look at the kernel's log and the health of the medium. --skip-unreadable takes the rest and records what is missing.",
    cause,
  });
}
