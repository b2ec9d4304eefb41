/**
 * A JSON text that is the same for equal values: members sorted by name (by UTF-16 units), no white space, and those that are
 * undefined left out (RFC 8785, for the values that JSON has).
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, found: unknown) => {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return found;
    return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
