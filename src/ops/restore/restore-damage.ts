import { appendRange } from "#disk/byte-ranges.ts";
import type { ByteRange } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ReadRun } from "#vault/segments/read-plan.ts";
import type { DamageError } from "#vault/segments/segment-reader.ts";

/** A disk of blocks, as messages name it. */
type NamedDisk = { readonly name: string; readonly sizeBytes: number; readonly blockBytes: number };

/** The bytes of the blocks from `first` up to `end`. */
export function rangeOfBlocks({ blockBytes, sizeBytes }: NamedDisk, first: number, end: number): ByteRange {
  const offsetBytes = first * blockBytes;
  return { offsetBytes, lengthBytes: Math.min(end * blockBytes, sizeBytes) - offsetBytes };
}

/** Says which bytes of the disk the damaged slots of a run hold. */
export function blocksDamaged(disk: NamedDisk, run: ReadRun, error: DamageError): LockstepError {
  const bad = new Set(error.damage.slots);
  const hurt = run.blocks.filter((_, index) => bad.has(run.slots[index] ?? -1));
  const united: ByteRange[] = [];
  for (const block of hurt.toSorted((a, b) => a - b)) appendRange(united, rangeOfBlocks(disk, block, block + 1));
  const ranges = united.map(({ offsetBytes, lengthBytes }) => `${offsetBytes}-${offsetBytes + lengthBytes - 1}`);
  const shown =
    ranges.length > 8 ? `${ranges.slice(0, 8).join(", ")} and ${ranges.length - 8} more` : ranges.join(", ");
  return new LockstepError("BLOCK_DAMAGED", `Disk ${disk.name}, bytes ${shown}: ${error.message}`, {
    hint: error.hint,
    cause: error,
  });
}

/** Says which bytes of the disk a part of the tree stands for, of the blocks from `first` up to `end`. */
export function treeDamaged(disk: NamedDisk, first: number, end: number): LockstepError {
  const { offsetBytes, lengthBytes } = rangeOfBlocks(disk, first, end);
  return new LockstepError(
    "BLOCK_DAMAGED",
    `Disk ${disk.name}: the block tree between bytes ${offsetBytes} and ${offsetBytes + lengthBytes - 1} is damaged, and so is its copy.`,
    { hint: "'lockstep check NAME' names the points that it hurts. Other points may still be whole." },
  );
}

/** A slot's seal is right, but its block is not as long as the disk has it there. */
export function wrongLength(run: ReadRun, index: number): LockstepError {
  return new LockstepError(
    "BLOCK_DAMAGED",
    `data segment ${run.ref.segment}, slot ${run.slots[index] ?? "?"}: it holds a block of another length than the disk has there.`,
  );
}
