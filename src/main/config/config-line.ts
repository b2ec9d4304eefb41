/**
 * The line, from 1, on which a TOML text sets a key; null when it cannot be told for certain.
 *
 * Knows what people write: tables, and bare or quoted keys with dots. The parser gives no places for values, and a
 * wrong line is worse than none, so whatever looks like two places is none.
 *
 * @param keys  such as `["backup", "lanes"]`
 */
export function lineOfKey(text: string, keys: readonly string[]): number | null {
  const wanted = keys.join(".");
  let table = "";
  const found: number[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[+([^[\]]+)\]+\s*(?:#.*)?$/.exec(line)?.[1];
    if (header !== undefined) table = plain(header);
    const key = header === undefined ? /^\s*([\w\s."'-]+?)\s*=/.exec(line)?.[1] : undefined;
    const name = key === undefined ? table : [...(table === "" ? [] : [table]), plain(key)].join(".");
    if ((header !== undefined || key !== undefined) && name === wanted) found.push(index + 1);
  }
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** A key without quotes and spaces. */
function plain(key: string): string {
  return key
    .split(".")
    .map((part) => part.trim().replace(/^(["'])(.*)\1$/, "$2"))
    .join(".");
}
