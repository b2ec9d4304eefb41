const STRETCHES = 16;
const STRETCH_BYTES = 64;
const SAMPLE_BYTES = STRETCHES * STRETCH_BYTES;

/*
 * The sum of the squared byte counts of a sample of n bytes is, for uniformly random bytes, about n + n(n-1)/256 with a
 * deviation of sqrt(2 * 255) * n/256 (Pearson's chi-squared with 255 degrees of freedom). Six deviations above that,
 * ciphertext and compressed data are as good as never taken for anything else.
 */
const RANDOM_SUM = SAMPLE_BYTES + (SAMPLE_BYTES * (SAMPLE_BYTES - 1)) / 256;
const LIMIT = RANDOM_SUM + (6 * Math.sqrt(2 * 255) * SAMPLE_BYTES) / 256;

const counts = new Uint16Array(256);

/** Whether it is worth trying to compress a block: a sample of it is not as even as ciphertext is. */
export function looksCompressible(block: Uint8Array): boolean {
  if (block.length < SAMPLE_BYTES) return true;
  counts.fill(0);
  const step = Math.floor((block.length - STRETCH_BYTES) / (STRETCHES - 1));
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    const start = stretch * step;
    for (let i = start; i < start + STRETCH_BYTES; i++) {
      const byte = block[i] ?? 0;
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
  }
  let sum = 0;
  for (let value = 0; value < 256; value++) {
    const count = counts[value] ?? 0;
    sum += count * count;
  }
  return sum > LIMIT;
}
