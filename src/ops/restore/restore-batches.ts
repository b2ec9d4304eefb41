import type { ReadRun } from "#vault/segments/read-plan.ts";

/** Runs of at least so many neighbours are written by themselves. */
const DENSE_BLOCKS = 16;

/** Whether a run's blocks follow one another on the disk, and are many enough to be worth a write of their own. */
export function isDense({ slots, blocks }: ReadRun): boolean {
  const [first = 0] = blocks;
  const noGaps = (slots.at(-1) ?? 0) - (slots[0] ?? 0) === slots.length - 1;
  return noGaps && blocks.length >= DENSE_BLOCKS && blocks.every((block, index) => block === first + index);
}

/** A run, and the slot's place in a buffer that its first slot is read to. */
export type PlacedRun = { readonly run: ReadRun; readonly atSlot: number };

/**
 * Puts runs that follow one another together, as many as fit one buffer with their gaps; cuts those that do not fit.
 *
 * @param mostSlots  that the buffer has room for
 */
export function* batchesOf(runs: Iterable<ReadRun>, mostSlots: number): Generator<readonly PlacedRun[]> {
  let batch: PlacedRun[] = [];
  let atSlot = 0;
  for (const whole of runs) {
    for (const run of cut(whole, mostSlots)) {
      const slots = (run.slots.at(-1) ?? 0) - (run.slots[0] ?? 0) + 1;
      if (atSlot + slots > mostSlots) {
        yield batch;
        batch = [];
        atSlot = 0;
      }
      batch.push({ run, atSlot });
      atSlot += slots;
    }
  }
  if (batch.length > 0) yield batch;
}

/** Runs that follow one another, those of one segment together. */
export function* bySegment(runs: readonly PlacedRun[]): Generator<readonly PlacedRun[]> {
  for (let from = 0; from < runs.length;) {
    let to = from + 1;
    while (runs[to]?.run.ref.segment === runs[from]?.run.ref.segment && to < runs.length) to++;
    yield runs.slice(from, to);
    from = to;
  }
}

/** Runs of one segment, at least one, as a single one. */
export function joined(runs: readonly PlacedRun[]): ReadRun {
  const [first] = runs;
  if (first === undefined) throw new Error("there is no run");
  return {
    ref: first.run.ref,
    slots: runs.flatMap(({ run }) => run.slots),
    blocks: runs.flatMap(({ run }) => run.blocks),
  };
}

/** A run in parts that go over so many slots at the most. */
function* cut({ ref, slots, blocks }: ReadRun, mostSlots: number): Generator<ReadRun> {
  for (let from = 0; from < slots.length;) {
    const end = (slots[from] ?? 0) + mostSlots;
    let to = from + 1;
    while (to < slots.length && (slots[to] ?? end) < end) to++;
    yield { ref, slots: slots.slice(from, to), blocks: blocks.slice(from, to) };
    from = to;
  }
}
