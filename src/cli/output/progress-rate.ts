/** How long a rate looks back: long enough to be calm, short enough to notice a slow stretch. */
const windowMs = 15_000;
const sampleMs = 500;

/** The rate of the last seconds. Times come from the caller, in milliseconds from anywhere, and do not go back. */
export class ProgressRate {
  /** Oldest first; the first may be older than the window, so that a stretch without news counts as slow. */
  readonly #samples: { readonly ms: number; readonly bytes: number }[] = [];

  /** @param bytes  done in all by then */
  record(ms: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && ms - last.ms < sampleMs) return;
    this.#samples.push({ ms, bytes });
    while ((this.#samples[1]?.ms ?? ms) < ms - windowMs) this.#samples.shift();
  }

  /**
   * Bytes a millisecond now; null before a second has passed.
   *
   * @param bytes  done in all by now
   */
  bytesPerMs(ms: number, bytes: number): number | null {
    const [first] = this.#samples;
    if (first === undefined || ms - first.ms < 1000) return null;
    return (bytes - first.bytes) / (ms - first.ms);
  }
}
