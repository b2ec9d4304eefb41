import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";

/** A cell: numbers are set to the right. */
export type Cell = string | number | Markup;

/** A table of HTML; "None." where it has no row. @param total  a last row that sums the others up */
export function reportTable(
  titles: readonly string[],
  rows: readonly (readonly Cell[])[],
  total?: readonly Cell[],
): Markup {
  if (rows.length === 0) return markup`<p>None.</p>`;
  const foot = total === undefined ? markup`` : markup`<tfoot>${rowOf(total)}</tfoot>`;
  return markup`<table>
<thead><tr>${titles.map((title, column) => titleOf(title, rows[0]?.[column]))}</tr></thead>
<tbody>
${rows.map(rowOf)}
</tbody>
${foot}
</table>`;
}

function titleOf(title: string, first: Cell | undefined): Markup {
  return typeof first === "number"
    ? markup`<th scope="col" class="number">${title}</th>`
    : markup`<th scope="col">${title}</th>`;
}

function rowOf(cells: readonly Cell[]): Markup {
  return markup`<tr>${cells.map((cell) => (typeof cell === "number" ? markup`<td class="number">${cell}</td>` : markup`<td>${cell}</td>`))}</tr>`;
}

/** An instant as a cell has it, in UTC: `2026-11-23 14:05`. */
export function minuteOf(instant: string): string {
  return instant.slice(0, 16).replace("T", " ");
}
