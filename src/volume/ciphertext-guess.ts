import { isZero } from "#bytes/arrays.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

/** What bytes look like that no format was found in. A guess by statistics, never a finding. */
export type ContentGuess = {
  readonly guess: "empty" | "ciphertext" | "plain data" | "too little data";
  /** What was looked at, and what it means. */
  readonly words: string;
  readonly sampledBytes: number;
};

const PIECE_BYTES = 4096;
const MAX_PIECES = 64;
/** With fewer pieces that are not zeros nothing is guessed. */
const MIN_PIECES = 4;

/**
 * For evenly distributed bytes, the chi-squared statistic over the 256 values has 255 degrees of freedom, whatever the count
 * of bytes: mean 255, standard deviation 22.6. By Wilson and Hilferty's approximation it exceeds 400 with a probability of
 * 2e-8 and is below 140 with one of 5e-10, so one ciphertext in about 800 000 has one of 64 pieces outside. Text, code and
 * tables give thousands; most compressed data differs too little for 4 KiB, but enough for 64 pieces taken together.
 */
const LEAST_EVEN = 400;
const MOST_EVEN = 140;

/** Of the pieces this part may be something else: the remains of a header, or what overwrote one. */
const OTHER_PART = 1 / 16;

/** Reads at most 64 pieces of 4 KiB, evenly over the whole source, the first and the last among them. */
export async function samplePieces(source: VolumeSource, signal: AbortSignal): Promise<Uint8Array[]> {
  const count = Math.max(1, Math.floor(source.sizeBytes / PIECE_BYTES));
  const wanted = Math.min(count, MAX_PIECES);
  const pieces: Uint8Array[] = [];
  for (let index = 0; index < wanted; index++) {
    const piece = wanted === 1 ? 0 : Math.floor((index * (count - 1)) / (wanted - 1));
    pieces.push(await readUpTo(source, piece * PIECE_BYTES, PIECE_BYTES, signal));
  }
  return pieces;
}

/**
 * Guesses what pieces of a volume are. Ciphertext, random bytes and well-compressed data cannot be told apart, and the words
 * say so.
 */
export function guessContent(pieces: readonly Uint8Array[]): ContentGuess {
  const sampledBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const filled = pieces.filter((piece) => !isZero(piece));
  const sampled = `${pieces.length} sampled pieces of 4 KiB`;
  if (filled.length === 0) {
    return { guess: "empty", words: `all of ${sampled} are zeros; what lies between them was not read`, sampledBytes };
  }
  if (filled.length < MIN_PIECES) {
    const words = `only ${filled.length} of ${sampled} are not all zeros: too little to guess from`;
    return { guess: "too little data", words, sampledBytes };
  }
  const even = filled.filter((piece) => isEven([piece]));
  if (even.length >= filled.length * (1 - OTHER_PART) && isEven(even)) {
    const words =
      `${even.length} of ${filled.length} sampled pieces that are not all zeros are spread as evenly as ciphertext is; ` +
      "random bytes are too, and well-compressed data can be; no header was found that says how to decrypt it";
    return { guess: "ciphertext", words, sampledBytes };
  }
  const words = `${filled.length - even.length} of ${filled.length} sampled pieces that are not all zeros are spread unevenly`;
  return {
    guess: "plain data",
    words:
      even.length === filled.length
        ? "the sampled pieces are spread nearly evenly, but not as evenly as ciphertext: compressed data, perhaps"
        : `${words}: plain data, in no format that is known here`,
    sampledBytes,
  };
}

function isEven(pieces: readonly Uint8Array[]): boolean {
  const counts = new Uint32Array(256);
  let total = 0;
  for (const piece of pieces) {
    total += piece.length;
    for (const byte of piece) counts[byte] = (counts[byte] ?? 0) + 1;
  }
  const expected = total / 256;
  let statistic = 0;
  for (const count of counts) statistic += (count - expected) ** 2 / expected;
  return statistic < LEAST_EVEN && statistic > MOST_EVEN;
}
