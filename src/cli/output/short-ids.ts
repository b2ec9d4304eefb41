const SHORTEST = 8;

/** The starts of ids that tell them apart, 8 digits at least. */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const sorted = [...new Set(ids)].toSorted();
  return new Map(
    sorted.map((id, index) => {
      const shared = Math.max(sharedStart(id, sorted[index - 1]), sharedStart(id, sorted[index + 1]));
      return [id, id.slice(0, Math.max(SHORTEST, shared + 1))];
    }),
  );
}

function sharedStart(id: string, other: string | undefined): number {
  if (other === undefined) return 0;
  let length = 0;
  while (length < id.length && id[length] === other[length]) length++;
  return length;
}
