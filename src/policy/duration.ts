/**
 * A length of time in at most two units: `0.04 s`, `0.6 s`, `31 s`, `2 min 05 s`, `3 h 07 min`, `4 days 2 h`.
 *
 * @param ms  rounded down, to hundredths of a second below a tenth, to tenths below ten seconds, else to seconds; less than nothing
 *   counts as nothing
 */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (ms < 100) return `${Math.floor(Math.max(0, ms) / 10) / 100} s`;
  if (seconds < 10) return `${Math.floor(Math.max(0, ms) / 100) / 10} s`;
  if (minutes === 0) return `${seconds} s`;
  if (hours === 0) return `${minutes} min ${twoDigits(seconds % 60)} s`;
  if (days === 0) return `${hours} h ${twoDigits(minutes % 60)} min`;
  return `${days} ${days === 1 ? "day" : "days"} ${hours % 24} h`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
