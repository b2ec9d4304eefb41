import type { BadSlots, SlotBatch } from "#vault/segments/slot-batch.ts";

/** Opens several batches, as `openSlots` does each. */
export type OpenTogether = (batches: readonly SlotBatch[]) => Promise<readonly BadSlots[]>;

type Waiting = {
  readonly batch: SlotBatch;
  readonly resolve: (bad: BadSlots) => void;
  readonly reject: (error: unknown) => void;
};

/** Batches are sent together up to this size: opening as much takes several times as long as sending a message. */
const TOGETHER_BYTES = 2 * 1024 * 1024;

/**
 * Batches that wait for a thread to open them. While all are busy those that come are gathered, so that many small
 * ones cost few messages; what finds a free one is not held back.
 */
export class BatchQueue {
  readonly #open: OpenTogether;
  readonly #atOnce: number;
  readonly #waiting: Waiting[] = [];
  #sent = 0;

  /** @param atOnce  how often `open` may be on its way */
  constructor(open: OpenTogether, atOnce: number) {
    this.#open = open;
    this.#atOnce = atOnce;
  }

  /** @see openSlots @throws what `open` throws, for all batches that it was given */
  add(batch: SlotBatch): Promise<BadSlots> {
    const answer = new Promise<BadSlots>((resolve, reject) => this.#waiting.push({ batch, resolve, reject }));
    this.#sendMore();
    return answer;
  }

  #sendMore(): void {
    while (this.#sent < this.#atOnce && this.#waiting.length > 0) {
      this.#sent++;
      void this.#send(this.#take());
    }
  }

  async #send(taken: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#open(taken.map(({ batch }) => batch));
      if (answers.length !== taken.length) throw new Error(`${answers.length} answers to ${taken.length} batches`);
      for (const [index, { resolve }] of taken.entries()) resolve(answers[index] ?? null);
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
    this.#sent--;
    this.#sendMore();
  }

  /** The oldest ones, at least one. */
  #take(): readonly Waiting[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && bytes < TOGETHER_BYTES; count++) {
      bytes += this.#waiting[count]?.batch.plainBytes ?? 0;
    }
    return this.#waiting.splice(0, count);
  }
}
