import type { Report } from "#ops/report/report.ts";

/** What a report shows of the vault and of the audit log that a person should look at, in words. */
export function reportAttention({ machines, unread, keySide }: Report): readonly string[] {
  const needs = unread.map(({ name, message }) => `the log of ${name} cannot be read: ${message}`);
  for (const { name, live, points } of machines) {
    if (live.red > 0) needs.push(`${counted(live.red, "point")} of ${name} ${live.red === 1 ? "is" : "are"} red`);
    if (live.amber > 0)
      needs.push(`${counted(live.amber, "point")} of ${name} ${live.amber === 1 ? "is" : "are"} amber`);
    const lost = points.filter((point) => !point.deleted && point.light.lost.length > 0).length;
    if (lost > 0) needs.push(`${counted(lost, "point")} of ${name} opened once, and not any more`);
  }
  for (const { seq, what } of keySide?.audit.faults ?? [])
    needs.push(`the audit log is not whole: entry ${seq}: ${what}`);
  for (const by of keySide?.audit.notOurs ?? []) {
    needs.push(`${by} is of another key store, or was not signed by this one`);
  }
  return needs;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
