import type { LightCounts } from "#ops/report/report-counts.ts";
import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";
import type { Light } from "#policy/light.ts";

/** Where a mark is, in pixels, and its tooltip. */
export type MarkPlace = {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly title: string;
  readonly pale?: boolean;
};

/** The order in which they are drawn: what is worse is not covered by what is better. */
export const lightsByWeight = ["plain", "green", "amber", "red"] as const satisfies readonly Light[];

/** Colours that differ in brightness, too, and stand out on white. */
const colours: Readonly<Record<Light, string>> = {
  green: "#1a7f37",
  amber: "#b86e00",
  red: "#a40e26",
  plain: "#57606a",
};

const names: Readonly<Record<Light, string>> = {
  green: "green: opened by a held key",
  amber: "amber: not shown lately",
  red: "red: does not open, or damaged",
  plain: "no key needed",
};

/** Bars of versions. */
export const barColours = { inUse: "#86a9d1", replaced: "#dbe4f0", end: "#1f2328" } as const;

/**
 * A point: a circle where it is green, a triangle where amber, a cross where red, a ring where no key is needed. Each has a white edge, so that it
 * stands out on a bar and on other marks.
 */
export function pointMark(light: Light, { x, y, radius, title, pale = false }: MarkPlace): Markup {
  const said = markup`<title>${title}</title>`;
  const opacity = pale ? 0.4 : 1;
  const edge = tenths(radius * 0.25);
  const drawn = markup`class="${light}" opacity="${opacity}"`;
  const filled = markup`fill="${colours[light]}" stroke="#ffffff" stroke-width="${edge}"`;
  switch (light) {
    case "green":
      return markup`<circle ${drawn} cx="${x}" cy="${y}" r="${radius}" ${filled}>${said}</circle>`;
    case "amber":
      return markup`<path ${drawn} d="${outline(x, y, radius, triangle)}" ${filled}>${said}</path>`;
    case "red":
      return markup`<path ${drawn} d="${outline(x, y, radius, cross)}" ${filled}>${said}</path>`;
    case "plain":
      return markup`<circle ${drawn} cx="${x}" cy="${y}" r="${tenths(radius * 0.7)}" fill="#ffffff" stroke="${colours.plain}" stroke-width="1.5">${said}</circle>`;
  }
}

/** Corners, as shares of the radius. */
const triangle = [
  [0, -1.1],
  [1.15, 0.9],
  [-1.15, 0.9],
] as const;
const cross = [
  [-0.6, -1.1],
  [0, -0.5],
  [0.6, -1.1],
  [1.1, -0.6],
  [0.5, 0],
  [1.1, 0.6],
  [0.6, 1.1],
  [0, 0.5],
  [-0.6, 1.1],
  [-1.1, 0.6],
  [-0.5, 0],
  [-1.1, -0.6],
] as const;

function outline(x: number, y: number, radius: number, corners: readonly (readonly [number, number])[]): string {
  return `M${corners.map(([right, down]) => `${tenths(x + right * radius)} ${tenths(y + down * radius)}`).join("L")}Z`;
}

/** How many points there are of each light that there is, the worst first, as marks with numbers. */
export function countMarks(counts: LightCounts, x: number, y: number): Markup {
  let at = x;
  const drawn = lightsByWeight.toReversed().flatMap((light) => {
    const count = String(counts[light]);
    if (counts[light] === 0) return [];
    const mark = pointMark(light, { x: at + 5, y, radius: 4, title: `${count} ${names[light]}` });
    const said = markup`${mark}<text x="${at + 12}" y="${y + 4}" fill="#1f2328">${count}</text>`;
    at += 20 + 7 * count.length;
    return [said];
  });
  return markup`<g aria-hidden="true">${drawn}</g>`;
}

/** What marks and bars mean, in a line; where each begins leaves room for the words before it. */
export function pictureLegend(x: number, y: number): Markup {
  const marks = [
    { at: 0, light: "green", pale: false, words: names.green },
    { at: 185, light: "amber", pale: false, words: names.amber },
    { at: 345, light: "red", pale: false, words: names.red },
    { at: 560, light: "plain", pale: false, words: names.plain },
    { at: 670, light: "green", pale: true, words: "pale: deleted" },
  ] as const;
  const bars = [
    { at: 775, fill: barColours.inUse, ends: false, words: "key version in use" },
    { at: 925, fill: barColours.replaced, ends: false, words: "replaced, held" },
    { at: 1050, fill: barColours.replaced, ends: true, words: "destroyed" },
  ];
  return markup`<g aria-hidden="true">${marks.map(({ at, light, pale, words }) => {
    const mark = pointMark(light, { x: x + at, y, radius: 5, title: words, pale });
    return markup`${mark}<text x="${x + at + 10}" y="${y + 4}" fill="#1f2328">${words}</text>`;
  })}
${bars.map(({ at, fill, ends, words }) => {
  const end = ends ? barEnd(x + at + 26, y - 5, 10) : markup``;
  return markup`<rect x="${x + at}" y="${y - 5}" width="26" height="10" fill="${fill}"/>${end}<text x="${x + at + 32}" y="${y + 4}" fill="#1f2328">${words}</text>`;
})}
</g>`;
}

/** The end of a version that was destroyed. */
export function barEnd(x: number, y: number, height: number): Markup {
  return markup`<line x1="${x}" y1="${y}" x2="${x}" y2="${y + height}" stroke="${barColours.end}" stroke-width="2"/>`;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
