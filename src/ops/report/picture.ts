import { pictureLegend, pointMark } from "#ops/report/picture-marks.ts";
import { packRows } from "#ops/report/picture-rows.ts";
import type { Span } from "#ops/report/picture-rows.ts";
import { axisTicks } from "#ops/report/picture-ticks.ts";
import { lightCounts, lightCountWords } from "#ops/report/report-counts.ts";
import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";
import type { Light } from "#policy/light.ts";

/** Key versions of machines over time, and the points that they open. */
export type Picture = {
  readonly at: Temporal.Instant;
  readonly lanes: readonly Lane[];
};

/** A machine. */
export type Lane = {
  readonly machine: string;
  readonly versions: readonly PictureVersion[];
  readonly points: readonly PicturePoint[];
};

export type PictureVersion = {
  readonly name: string;
  readonly createdAt: Temporal.Instant;
  /** When another one took its place; null while it is in use. */
  readonly retiredAt: Temporal.Instant | null;
  /** Null while it is held. */
  readonly destroyedAt: Temporal.Instant | null;
};

export type PicturePoint = {
  readonly name: string;
  readonly at: Temporal.Instant;
  readonly light: Light;
  /** The versions that open it, or are to. */
  readonly versions: readonly string[];
  /** It can be brought back, and is drawn pale; it counts in no description. */
  readonly deleted: boolean;
};

const WIDTH = 1200;
const LEFT = 150;
const RIGHT = 24;
const TOP = 62;
const LANE_GAP = 26;
/** A lane becomes no higher than about this, however many versions it has. */
const LANE_HEIGHT = 360;
/** In a row of this height there is room for a version's name. */
const LABEL_HEIGHT = 11;
const LABEL_WIDTH = 70;

/**
 * Draws a lane for each machine: each key version a bar from when it was made to when it was destroyed, dark while it is in use;
 * each point a mark on the bar of the version that opens it, its light shown by colour and by shape. A point of which no version in
 * the lane is known is in a row of its own below. Points at the same pixel cover each other; the description has the counts.
 *
 * @returns  one `<svg>` element, which may stand in HTML, or alone as a file
 */
export function drawPicture({ at, lanes }: Picture): Markup {
  const span = spanOf(lanes, at);
  const x = (ms: number): number => {
    const share = (ms - span.fromMs) / (span.toMs - span.fromMs);
    return rounded(LEFT + Math.min(1, Math.max(0, share)) * (WIDTH - LEFT - RIGHT));
  };
  let top = TOP;
  const drawn = lanes.map((lane) => {
    const laid = layOut(lane, at);
    const group = drawLane(lane, laid, top, x);
    top += laid.height + LANE_GAP;
    return group;
  });
  const ticks = axisTicks(span).map(
    ({ atMs, label }) =>
      markup`<line x1="${x(atMs)}" y1="${TOP - 14}" x2="${x(atMs)}" y2="${top - LANE_GAP + 6}" stroke="#d5d9de"/><text x="${x(atMs)}" y="${TOP - 18}" text-anchor="middle" fill="#444c56">${label}</text>`,
  );
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-labelledby="picture-title picture-desc" font-family="system-ui, sans-serif" font-size="11">
<title id="picture-title">Key versions and recovery points, ${dayOf(span.fromMs)} to ${dayOf(span.toMs)}</title>
<desc id="picture-desc">${lanes.map(laneWords).join(" ")}</desc>
<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>
${pictureLegend(LEFT, 16)}
${ticks}
${drawn}
</svg>`;
}

/** A lane's rows; a version's row is parallel to it. */
type Laid = {
  readonly rows: readonly number[];
  readonly rowHeight: number;
  readonly height: number;
  readonly at: number;
};

function layOut({ versions, points }: Lane, at: Temporal.Instant): Laid {
  const rows = packRows(
    versions.map(({ createdAt, destroyedAt }) => ({
      fromMs: createdAt.epochMilliseconds,
      toMs: (destroyedAt ?? at).epochMilliseconds,
    })),
  );
  const known = new Set(versions.map(({ name }) => name));
  const unknown = points.some((point) => !point.versions.some((name) => known.has(name)));
  const count = rows.reduce((most, row) => Math.max(most, row + 1), 0) + (unknown || versions.length === 0 ? 1 : 0);
  const rowHeight = Math.min(16, Math.max(4, Math.floor(LANE_HEIGHT / count)));
  return { rows, rowHeight, height: count * rowHeight, at: at.epochMilliseconds };
}

function drawLane(lane: Lane, laid: Laid, top: number, x: (ms: number) => number): Markup {
  const { rows, rowHeight, height } = laid;
  const rowOf = new Map(lane.versions.map(({ name }, index) => [name, rows[index] ?? 0]));
  const bars = lane.versions.map((version, index) => drawBar(version, top + (rows[index] ?? 0) * rowHeight, laid, x));
  const marks = lane.points.flatMap((point) => {
    const known = point.versions.flatMap((name) => rowOf.get(name) ?? []);
    const lastRow = height / rowHeight - 1;
    return (known.length === 0 ? [lastRow] : known).map((row) =>
      pointMark(point.light, {
        x: x(point.at.epochMilliseconds),
        y: rounded(top + (row + 0.5) * rowHeight),
        radius: Math.min(5, rounded(rowHeight * 0.42)),
        pale: point.deleted,
        title: pointWords(point),
      }),
    );
  });
  return markup`<g role="group" aria-label="${laneWords(lane)}">
<text x="8" y="${top + 12}" font-size="13" font-weight="600" fill="#1f2328">${shortened(lane.machine)}<title>${lane.machine}</title></text>
<line x1="0" y1="${top - LANE_GAP / 2}" x2="${WIDTH}" y2="${top - LANE_GAP / 2}" stroke="#eaedf0"/>
${bars}
${marks}
</g>`;
}

function drawBar(version: PictureVersion, y: number, { rowHeight, at }: Laid, x: (ms: number) => number): Markup {
  const from = x(version.createdAt.epochMilliseconds);
  // By a clock that was wrong it may have been destroyed before it was made.
  const heldTo = Math.max(from, x(version.destroyedAt?.epochMilliseconds ?? at));
  const usedTo = Math.min(heldTo, x(version.retiredAt?.epochMilliseconds ?? at));
  const height = Math.max(2, rowHeight - 2);
  const hasLabel = rowHeight >= LABEL_HEIGHT && heldTo - from >= LABEL_WIDTH;
  const label = hasLabel
    ? markup`<text x="${from + 3}" y="${y + height - 2}" font-size="9" fill="#1f2328">${version.name}</text>`
    : markup``;
  const end =
    version.destroyedAt === null
      ? markup``
      : markup`<line x1="${heldTo}" y1="${y}" x2="${heldTo}" y2="${y + height}" stroke="#1f2328" stroke-width="2"/>`;
  return markup`<g><title>${versionWords(version)}</title><rect x="${from}" y="${y}" width="${widthOf(from, heldTo)}" height="${height}" rx="1" fill="#dbe4f0"/><rect x="${from}" y="${y}" width="${widthOf(from, usedTo)}" height="${height}" rx="1" fill="#9db8d9"/>${end}${label}</g>`;
}

/** From the first thing that there is to see to now; never empty. */
function spanOf(lanes: readonly Lane[], at: Temporal.Instant): Span {
  const begins = lanes.flatMap(({ versions, points }) => [
    ...versions.map(({ createdAt }) => createdAt.epochMilliseconds),
    ...points.map((point) => point.at.epochMilliseconds),
  ]);
  const toMs = at.epochMilliseconds;
  return { fromMs: begins.reduce((first, ms) => Math.min(first, ms), toMs - 86_400_000), toMs };
}

function laneWords({ machine, versions, points }: Lane): string {
  const live = points.filter(({ deleted }) => !deleted).map(({ light }) => light);
  const held = versions.filter(({ destroyedAt }) => destroyedAt === null).length;
  return `${machine}: ${versions.length} key versions, ${held} of them held; ${lightCountWords(lightCounts(live))}.`;
}

function versionWords({ name, createdAt, retiredAt, destroyedAt }: PictureVersion): string {
  const retired = retiredAt === null ? "in use" : `replaced ${dayOf(retiredAt.epochMilliseconds)}`;
  const held = destroyedAt === null ? "held" : `destroyed ${dayOf(destroyedAt.epochMilliseconds)}`;
  return `${name}: made ${dayOf(createdAt.epochMilliseconds)}, ${retired}, ${held}`;
}

function pointWords({ name, light, versions, deleted }: PicturePoint): string {
  const opened = versions.length === 0 ? "no key version" : versions.join(", ");
  const words = light === "plain" ? "no key needed" : `${light}, ${opened}`;
  return `${name}; ${words}${deleted ? "; deleted" : ""}`;
}

/** The most characters of a machine's name that have room. */
const NAME_LENGTH = 18;

function shortened(name: string): string {
  return name.length <= NAME_LENGTH ? name : `${name.slice(0, NAME_LENGTH - 1)}…`;
}

function widthOf(from: number, to: number): number {
  return Math.max(1, rounded(to - from));
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function dayOf(ms: number): string {
  return Temporal.Instant.fromEpochMilliseconds(ms).toString().slice(0, 10);
}
