import type { SlotRanges } from "#vault/entry/entry.ts";

/** All slots that are in one or both, as ranges in order that do not touch. */
export function uniteSlots(a: SlotRanges, b: SlotRanges): SlotRanges {
  const sorted = [...a, ...b].sort((x, y) => x[0] - y[0]);
  const united: [number, number][] = [];
  for (const [first, count] of sorted) {
    const last = united.at(-1);
    if (last === undefined || first > last[0] + last[1]) united.push([first, count]);
    else last[1] = Math.max(last[1], first + count - last[0]);
  }
  return united;
}

/** `ranges` without `slots`, which may be in any order. */
export function withoutSlots(ranges: SlotRanges, slots: readonly number[]): SlotRanges {
  const sorted = [...slots].sort((x, y) => x - y);
  const left: [number, number][] = [];
  let next = 0;
  for (const [first, count] of ranges) {
    let from = first;
    const end = first + count;
    while ((sorted[next] ?? Infinity) < from) next++;
    for (let slot = sorted[next]; slot !== undefined && slot < end; slot = sorted[++next]) {
      if (slot > from) left.push([from, slot - from]);
      from = Math.max(from, slot + 1);
    }
    if (from < end) left.push([from, end - from]);
  }
  return left;
}

/** True when `slot` is in one of the ranges. */
export function hasSlot(ranges: SlotRanges, slot: number): boolean {
  return ranges.some(([first, count]) => slot >= first && slot < first + count);
}

/** Slots as people read them, such as `0-127, 130`. @param slots  in any order */
export function formatSlots(slots: readonly number[]): string {
  const ranges = uniteSlots(
    slots.map((slot) => [slot, 1] as const),
    [],
  );
  return ranges.map(([first, count]) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`)).join(", ");
}
