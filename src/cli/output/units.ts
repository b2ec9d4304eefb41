import { LockstepError } from "#errors/errors.ts";

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** A number of bytes to read: `512 B`, `1.0 KiB`, `40.0 GiB`. Rounded to the nearest tenth, half up. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 KiB would be shown as 1024.0 KiB, so it is a MiB already.
  while (unit < units.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${Math.floor(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** Bytes in a time, as `410.3 MiB/s`; `-` for no time at all. */
export function formatRate(bytes: number, ms: number): string {
  return ms > 0 ? `${formatBytes((bytes / ms) * 1000)}/s` : "-";
}

/**
 * Parses a size that somebody typed, to bytes: `4096`, `64MiB`, `10G` (the same as `10GiB`), `1.5 TiB`; case does not
 * matter.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: not such a size, or not a whole number of bytes below 2^53. `10GB` is
 *   refused: half of the world reads it as 10^9 bytes
 */
export function parseSize(text: string): number {
  const [, digits, prefix = ""] = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtpe])(?:ib)?|b)?\s*$/i.exec(text) ?? [];
  const power = ["", "k", "m", "g", "t", "p", "e"].indexOf(prefix.toLowerCase());
  const bytes = Number(digits) * 1024 ** power;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new LockstepError("ARGUMENT_INVALID", `"${text}" is not a size`, {
    hint: "Write bytes or a power of 1024, such as 4096, 64MiB or 10G.",
  });
}
