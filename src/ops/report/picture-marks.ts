import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";
import type { Light } from "#policy/light.ts";

/** Where a mark is, in pixels, and what it says to whoever points at it. */
export type MarkPlace = {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly title: string;
  readonly pale?: boolean;
};

/** Colours that differ in brightness, too. */
const colours: Readonly<Record<Light, string>> = {
  green: "#1a7f37",
  amber: "#d4820a",
  red: "#a40e26",
  plain: "#57606a",
};

const names: Readonly<Record<Light, string>> = {
  green: "green: opened by a held key",
  amber: "amber: not shown lately",
  red: "red: does not open, or damaged",
  plain: "no key needed",
};

/** A point: a circle where it is green, a triangle where amber, a cross where red, a ring where no key is needed. */
export function pointMark(light: Light, { x, y, radius, title, pale = false }: MarkPlace): Markup {
  const said = markup`<title>${title}</title>`;
  const opacity = pale ? 0.3 : 1;
  const colour = colours[light];
  const [left, right, up, down] = [x - radius, x + radius, y - radius, y + radius].map(tenths);
  switch (light) {
    case "green":
      return markup`<circle class="green" opacity="${opacity}" cx="${x}" cy="${y}" r="${radius}" fill="${colour}">${said}</circle>`;
    case "amber":
      return markup`<path class="amber" opacity="${opacity}" d="M${x} ${up ?? y}L${right ?? x} ${down ?? y}L${left ?? x} ${down ?? y}Z" fill="${colour}">${said}</path>`;
    case "red":
      return markup`<path class="red" opacity="${opacity}" d="M${left ?? x} ${up ?? y}L${right ?? x} ${down ?? y}M${left ?? x} ${down ?? y}L${right ?? x} ${up ?? y}" stroke="${colour}" stroke-width="${tenths(radius * 0.7)}">${said}</path>`;
    case "plain":
      return markup`<circle class="plain" opacity="${opacity}" cx="${x}" cy="${y}" r="${tenths(radius * 0.7)}" fill="#ffffff" stroke="${colour}" stroke-width="1.5">${said}</circle>`;
  }
}

/** Where each mark of the legend begins, as long as the words before it are. */
const legendAt: Readonly<Record<Light, number>> = { green: 0, amber: 185, red: 345, plain: 560 };

/** What marks and bars mean, in a line. */
export function pictureLegend(x: number, y: number): Markup {
  const lights = (["green", "amber", "red", "plain"] as const).map((light) => {
    const at = x + legendAt[light];
    return markup`${pointMark(light, { x: at, y, radius: 5, title: names[light] })}<text x="${at + 10}" y="${y + 4}" fill="#1f2328">${names[light]}</text>`;
  });
  const bars = x + 665;
  return markup`<g aria-hidden="true">${lights}
<rect x="${bars}" y="${y - 5}" width="26" height="10" fill="#9db8d9"/><text x="${bars + 31}" y="${y + 4}" fill="#1f2328">key version in use</text>
<rect x="${bars + 150}" y="${y - 5}" width="26" height="10" fill="#dbe4f0"/><text x="${bars + 181}" y="${y + 4}" fill="#1f2328">replaced, held</text>
<rect x="${bars + 270}" y="${y - 5}" width="26" height="10" fill="#dbe4f0"/><line x1="${bars + 296}" y1="${y - 5}" x2="${bars + 296}" y2="${y + 5}" stroke="#1f2328" stroke-width="2"/><text x="${bars + 303}" y="${y + 4}" fill="#1f2328">destroyed</text>
</g>`;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
