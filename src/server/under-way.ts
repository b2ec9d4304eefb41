/** How many bytes of bodies and large replies one asker may have under way at once: four reports as large as they may be. */
export const UNDER_WAY_BYTES = 256 * 1024 * 1024;

/** Knows how many bytes each asker has under way, so that none of them takes all of the memory. */
export class UnderWay {
  readonly #bytes = new Map<string, number>();

  /** @returns what ends it; null when the asker would have more under way than he may */
  begin(asker: string, bytes: number): (() => void) | null {
    const all = (this.#bytes.get(asker) ?? 0) + bytes;
    if (all > UNDER_WAY_BYTES) return null;
    this.#bytes.set(asker, all);
    return () => this.#end(asker, bytes);
  }

  #end(asker: string, bytes: number): void {
    const left = (this.#bytes.get(asker) ?? 0) - bytes;
    if (left > 0) this.#bytes.set(asker, left);
    else this.#bytes.delete(asker);
  }
}
