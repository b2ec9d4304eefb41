import type { DestroyedVersion } from "#api/keys.ts";
import { dayOf } from "#cli/output/when.ts";

/**
 * What is left of a destroyed version in copies of the key store, for a person: nothing, until when, or for as long as a place
 * keeps it.
 */
export function copyLines(copies: DestroyedVersion["copies"]): string[] {
  const lines = copies.map(({ place, copies: count, goneAt }) => {
    const end = goneAt === null ? "for as long as it keeps them" : `until ${dayOf(goneAt)}`;
    return `  ${place}: ${count} ${count === 1 ? "copy holds" : "copies hold"} it, ${end}`;
  });
  return [`  ${summary(copies)}`, ...lines];
}

function summary(copies: DestroyedVersion["copies"]): string {
  if (copies.length === 0) return "no copy of the key store holds it, as far as is known here";
  const ends = copies.flatMap(({ goneAt }) => (goneAt === null ? [] : [goneAt]));
  const keeping = copies.filter(({ goneAt }) => goneAt === null).map(({ place }) => place);
  const last = ends.toSorted().at(-1);
  if (keeping.length > 0 || last === undefined) return `never gone from all copies: ${keeping.join(", ")} keeps it`;
  return `gone from all copies on ${dayOf(last)}`;
}
