import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";

/** Does so much work at once; what waits is taken from each line in turn, so that a long line keeps no other from its turn. */
export class FairQueue {
  readonly #atOnce: number;
  /** Lines that wait, in the order of their turns. */
  readonly #lines = new Map<string, (() => void)[]>();
  #running = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /**
   * Does `work` when it is its turn.
   *
   * @param line  whose work it is
   * @throws {LockstepError} CANCELLED while it waits; and what `work` throws
   */
  async run<T>(line: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    throwIfCancelled(signal);
    if (this.#running < this.#atOnce) this.#running++;
    else await this.#turn(line, signal);
    try {
      return await work();
    } finally {
      this.#running--;
      this.#next();
    }
  }

  async #turn(line: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = this.#lines.get(line) ?? [];
    waiting.push(resolve);
    this.#lines.set(line, waiting);
    const leave = (): void => {
      const left = waiting.filter((each) => each !== resolve);
      if (left.length === waiting.length) return; // its turn has come
      waiting.splice(0, waiting.length, ...left);
      if (left.length === 0) this.#lines.delete(line);
      reject(new LockstepError("CANCELLED", "Cancelled.", { cause: signal.reason }));
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #next(): void {
    const [first] = this.#lines;
    if (first === undefined) return;
    const [line, waiting] = first;
    const begin = waiting.shift();
    this.#lines.delete(line);
    if (waiting.length > 0) this.#lines.set(line, waiting); // behind the others
    this.#running++;
    begin?.();
  }
}
