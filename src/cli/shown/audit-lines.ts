import type { ReplyOf } from "#api/routes.ts";
import { formatTable } from "#cli/output/table.ts";
import { visibleText } from "#volume/source/visible-text.ts";

type Entry = ReplyOf<"audit.list">["entries"][number];

const titles = ["TIME", "WHO", "OUTCOME", "ACT", "OF"].map((title) => ({ title }));

/** Entries of the audit log as a table; what else an entry says stands in a line below it, so that the table fits a terminal. */
export function auditLines(entries: readonly Entry[]): readonly string[] {
  const columns = [{ title: "ENTRY", align: "right" as const }, ...titles];
  const rows = entries.map(({ seq, at, who, act, subject, outcome }) => [String(seq), at, who, outcome, act, subject]);
  const [head = "", ...lines] = formatTable(columns, rows);
  return [head, ...lines.flatMap((line, at) => [line, ...detailLines(entries[at]?.detail ?? {})])];
}

function detailLines(detail: Entry["detail"]): readonly string[] {
  const words = Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`);
  return words.length === 0 ? [] : [visibleText(`       ${words.join(" ")}`)];
}
