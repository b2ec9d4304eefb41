/** A stretch of a row, in pixels. */
type Stretch = { readonly from: number; readonly to: number };

/** Pixels between a label and what is beside it. */
const GAP = 3;

/**
 * Where in a bar a label can begin so that no mark covers it: as far to the left as it goes.
 *
 * @param marks.at  where marks of the same row are; in any order, beyond the bar as well
 * @returns null: there is no room for it
 */
export function freeStart(
  { from, to }: Stretch,
  marks: { readonly radius: number; readonly at: readonly number[] },
  width: number,
): number | null {
  let start = from + GAP;
  for (const at of marks.at.toSorted((a, b) => a - b)) {
    if (at - marks.radius - GAP >= start + width) break;
    start = Math.max(start, at + marks.radius + GAP);
  }
  return start + width <= to ? start : null;
}
