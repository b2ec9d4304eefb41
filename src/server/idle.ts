/** Measures the time since the last request. */
export class Idle {
  readonly #clock: () => number;
  #running = 0;
  #sinceMs: number;
  #waiting: (() => void)[] = [];

  /** @param clock  milliseconds that only ever grow */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#sinceMs = clock();
  }

  /** Counts a request as running until the returned value is disposed of. */
  begin(): Disposable {
    this.#running++;
    return {
      [Symbol.dispose]: () => {
        this.#running--;
        this.#sinceMs = this.#clock();
        if (this.#running > 0) return;
        for (const resolve of this.#waiting.splice(0)) resolve();
      },
    };
  }

  /** Milliseconds since the last request ended; 0 while one runs. */
  forMs(): number {
    return this.#running > 0 ? 0 : this.#clock() - this.#sinceMs;
  }

  /** Resolves once no request runs. */
  async quiet(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
