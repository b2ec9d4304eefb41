import type { ByteRange } from "#disk/contract.ts";

/** Appends a range that starts at or after the last one's start; joins the two where they touch or overlap. */
export function appendRange(ranges: ByteRange[], range: ByteRange): void {
  const last = ranges.at(-1);
  const end = range.offsetBytes + range.lengthBytes;
  if (last !== undefined && range.offsetBytes <= last.offsetBytes + last.lengthBytes) {
    const lastEnd = last.offsetBytes + last.lengthBytes;
    ranges[ranges.length - 1] = { ...last, lengthBytes: Math.max(end, lastEnd) - last.offsetBytes };
  } else {
    ranges.push(range);
  }
}

/** Throws a plain error, for it is a bug, when a range does not lie in a disk of `sizeBytes`. */
export function assertInside(offsetBytes: number, lengthBytes: number, sizeBytes: number): void {
  if (!Number.isSafeInteger(offsetBytes) || offsetBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
    throw new RangeError(`bytes ${offsetBytes} + ${lengthBytes} do not lie in a disk of ${sizeBytes}`);
  }
}
