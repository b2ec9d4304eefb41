import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";

import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { BootSector } from "#volume/bitlocker/boot-sector.ts";
import {
  HEAD_BYTES,
  VALIDATION_BYTES,
  parseMetadata,
  parseMetadataHead,
  parseValidation,
} from "#volume/bitlocker/metadata.ts";
import type { Metadata, MetadataHead, Validation } from "#volume/bitlocker/metadata.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

/** A copy of the metadata whose checksum fits. */
export type MetadataCopy = {
  /** 1 to 3. */
  readonly number: number;
  /** All that was read of it: the block and the beginning of its validation. */
  readonly place: Place;
  readonly block: Uint8Array;
  readonly metadata: Metadata;
  readonly validation: Validation;
};

/** The copies of a volume's metadata, and the one to go by. */
export type MetadataCopies = {
  readonly used: MetadataCopy;
  /** All whose checksums fit, in order. */
  readonly good: readonly MetadataCopy[];
  /** What is wrong with the others, in words. */
  readonly problems: readonly string[];
};

/**
 * Reads the three copies, at most 64 KiB each, and chooses: among those whose checksum fits and that lie where they say, the
 * one that was written last, which its nonce counter tells; the first of equal ones.
 *
 * Where the boot sector has the place of a copy wrong, the place that the others name is tried. Does not verify the MAC,
 * which needs a key.
 *
 * @throws {LockstepError} HEADER_CORRUPT: no copy is good, and why not · VOLUME_UNSUPPORTED: they are of a newer version ·
 *   what the source throws, but DISK_UNREADABLE: such a copy is damaged
 */
export async function readCopies(source: VolumeSource, boot: BootSector, signal: AbortSignal): Promise<MetadataCopies> {
  const tries: Try[] = [];
  for (const [index, offset] of boot.copyOffsets.entries()) {
    tries[index] = await tryCopy(source, boot, index + 1, offset, signal);
  }
  const named = newest(tries)?.metadata.head.copyOffsets ?? tries.find(({ head }) => head !== null)?.head?.copyOffsets;
  for (const [index, offset] of (named ?? []).entries()) {
    const before = tries[index];
    if (before?.copy !== undefined && before.copy !== null) continue;
    if (before === undefined || before.offset !== offset) {
      const again = await tryCopy(source, boot, index + 1, offset, signal);
      tries[index] = again.copy === null ? (before ?? again) : { ...again, error: misplaced(index + 1, before) };
    }
  }
  const used = newest(tries);
  const errors = tries.flatMap(({ error }) => (error === null ? [] : [error]));
  if (used === null) throw noneGood(errors);
  return { used, good: tries.flatMap(({ copy }) => copy ?? []), problems: errors.map(({ message }) => message) };
}

/** Whether copies that are good differ, or their MACs. */
export function doCopiesDiffer({ used, good }: MetadataCopies): boolean {
  return good.some(({ block, validation }) => !isDeepStrictEqual([block, validation], [used.block, used.validation]));
}

/** The copy to go by, and then those that may stand in for it: by them the same sectors decrypt in the same way. */
export function interchangeable({ used, good }: MetadataCopies): readonly [MetadataCopy, ...MetadataCopy[]] {
  const decisive = ({ metadata: { head, fvek, movedBoot } }: MetadataCopy): unknown => {
    return [{ ...head, nextNonce: 0, blockBytes: 0, entriesBytes: 0 }, fvek, movedBoot];
  };
  const others = good.filter((copy) => copy !== used && isDeepStrictEqual(decisive(copy), decisive(used)));
  return [used, ...others];
}

type Try = {
  readonly offset: bigint;
  /** Parsed, but not verified. */
  readonly head: MetadataHead | null;
  readonly copy: MetadataCopy | null;
  readonly error: LockstepError | null;
};

async function tryCopy(
  source: VolumeSource,
  boot: BootSector,
  number: number,
  offset: bigint,
  signal: AbortSignal,
): Promise<Try> {
  const what = `BitLocker metadata copy ${number} at byte ${offset}`;
  let head: MetadataHead | null = null;
  try {
    if (offset >= BigInt(source.sizeBytes)) throw corrupt(what, `the volume ends at byte ${source.sizeBytes}`);
    const offsetBytes = Number(offset);
    head = parseMetadataHead(await readUpTo(source, offsetBytes, HEAD_BYTES, signal), what);
    if ((head.version === 1) !== (boot.layout === "vista")) {
      throw corrupt(what, `its version is ${head.version}, which does not go with the boot sector`);
    }
    const { blockBytes } = head;
    const bytes = await readUpTo(source, offsetBytes, blockBytes + VALIDATION_BYTES, signal);
    const block = bytes.subarray(0, blockBytes);
    const validation = parseValidation(bytes.subarray(blockBytes), what);
    const found = crc32(block);
    if (found !== validation.crc32) {
      throw corrupt(what, `its checksum is ${hex32(validation.crc32)}, its bytes give ${hex32(found)}`);
    }
    const claimed = head.copyOffsets[number - 1];
    if (claimed !== offset) throw corrupt(what, `it says that it lies at byte ${claimed}`);
    // The head of what was verified: the volume may be in use, and change between two reads.
    const metadata = parseMetadata(parseMetadataHead(block, what), block, what);
    const place = { offsetBytes, lengthBytes: bytes.length };
    return { offset, head, copy: { number, place, block, metadata, validation }, error: null };
  } catch (error) {
    if (!isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_UNSUPPORTED", "DISK_UNREADABLE"))
      throw error;
    return { offset, head, copy: null, error };
  }
}

function newest(tries: readonly Try[]): MetadataCopy | null {
  let best: MetadataCopy | null = null;
  for (const { copy } of tries) {
    if (copy === null) continue;
    if (best === null || copy.metadata.head.nextNonce > best.metadata.head.nextNonce) best = copy;
  }
  return best;
}

function misplaced(number: number, before: Try | undefined): LockstepError | null {
  if (before === undefined) return null; // Vista's boot sector names the first only
  return corrupt(
    "BitLocker boot sector",
    `it says that metadata copy ${number} lies at byte ${before.offset}, where it is not`,
  );
}

function noneGood(errors: readonly LockstepError[]): LockstepError {
  const [first] = errors;
  // One alone may be a damaged version number.
  if (first !== undefined && errors.every(({ code }) => code === "VOLUME_UNSUPPORTED")) return first;
  const reasons = errors.map(({ message }) => message).join("; ");
  return new LockstepError("HEADER_CORRUPT", `BitLocker: no copy of the metadata is good: ${reasons}`, {
    hint: "A header that was stored with an earlier backup may still open it.",
  });
}

function corrupt(what: string, found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `${what}: ${found}`);
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
