/** A stretch of time, in milliseconds since 1970. */
export type Span = { readonly fromMs: number; readonly toMs: number };

/**
 * Gives each span a row, so that no two in a row overlap: the first row that is free, in the order in which they begin. No order
 * needs fewer rows.
 *
 * @returns  rows from 0, parallel to the spans
 */
export function packRows(spans: readonly Span[]): readonly number[] {
  const rows = spans.map(() => 0);
  const ends: number[] = [];
  const ordered = spans.map((span, index) => ({ ...span, index })).toSorted((a, b) => a.fromMs - b.fromMs);
  for (const { fromMs, toMs, index } of ordered) {
    const free = ends.findIndex((end) => end <= fromMs);
    const row = free < 0 ? ends.length : free;
    ends[row] = toMs;
    rows[index] = row;
  }
  return rows;
}
