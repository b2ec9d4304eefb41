import { textWidth } from "#cli/output/table-width.ts";
import { visibleText } from "#volume/source/visible-text.ts";

export type Column = {
  /** Shown above it; a table of which no column has a title has no line of titles. */
  readonly title?: string;
  /** Numbers read best at the right. */
  readonly align?: "left" | "right";
};

/**
 * Lines of a plain table: columns as wide as their widest cell, two spaces between, no space at the end of a line.
 *
 * @param rows  a cell for each column; unseen characters in them are made visible
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titled = columns.some(({ title }) => title !== undefined);
  const all = [...(titled ? [columns.map(({ title }) => title ?? "")] : []), ...rows].map((row) =>
    row.map(visibleText),
  );
  const cellWidths = all.map((row) => row.map(textWidth));
  const widths = columns.map((_, column) => cellWidths.reduce((most, row) => Math.max(most, row[column] ?? 0), 0));
  return all.map((row, index) =>
    columns
      .map(({ align }, column) => {
        const cell = row[column] ?? "";
        const space = " ".repeat((widths[column] ?? 0) - (cellWidths[index]?.[column] ?? 0));
        return align === "right" ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
