import type { Random } from "#crypto/derive.ts";

/** A whole number from 0 up to, but not with, `limit`, each about as likely; `limit` is at most 2^48. */
export function randomBelow(limit: number, random: Random): number {
  const bytes = random(6);
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return Math.floor((value / 2 ** 48) * limit);
}

/** A run of whole blocks. */
type Run = { readonly first: number; readonly count: number };

/** Draws blocks from runs that are shown to it one after the other; each block of all runs is as likely (reservoir). */
export class BlockSample {
  readonly #random: Random;
  readonly #drawn: number[];
  #seen = 0;

  /** @param size  how many are drawn, some perhaps twice */
  constructor(size: number, random: Random) {
    this.#random = random;
    this.#drawn = Array.from({ length: size }, () => -1);
  }

  show({ first, count }: Run): void {
    if (count <= 0) return;
    this.#seen += count;
    for (const at of this.#drawn.keys()) {
      const drawn = randomBelow(this.#seen, this.#random);
      if (drawn < count) this.#drawn[at] = first + drawn;
    }
  }

  /** The blocks that were drawn, ascending, each once; none when no block was shown. */
  get blocks(): readonly number[] {
    return [...new Set(this.#drawn)].filter((block) => block >= 0).sort((a, b) => a - b);
  }
}
