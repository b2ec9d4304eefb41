import type { Light } from "#policy/light.ts";

/** How many points have which light. */
export type LightCounts = { readonly [light in Light]: number };

export function lightCounts(lights: readonly Light[]): LightCounts {
  const counts = { green: 0, amber: 0, red: 0, plain: 0 };
  for (const light of lights) counts[light]++;
  return counts;
}

/** The counts of several, added up. */
export function addedCounts(all: readonly LightCounts[]): LightCounts {
  const sum = { green: 0, amber: 0, red: 0, plain: 0 };
  for (const { green, amber, red, plain } of all) {
    sum.green += green;
    sum.amber += amber;
    sum.red += red;
    sum.plain += plain;
  }
  return sum;
}

/** All of them. */
export function countOf({ green, amber, red, plain }: LightCounts): number {
  return green + amber + red + plain;
}

/** `13 points: 10 green, 1 amber, 1 red, 1 without anything encrypted`. */
export function lightCountWords(counts: LightCounts): string {
  const { green, amber, red, plain } = counts;
  const all = countOf(counts);
  const keyless = plain === 0 ? "" : `, ${plain} without anything encrypted`;
  return `${all} ${all === 1 ? "point" : "points"}: ${green} green, ${amber} amber, ${red} red${keyless}`;
}
