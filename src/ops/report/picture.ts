import { freeStart } from "#ops/report/picture-labels.ts";
import { barColours, barEnd, countMarks, lightsByWeight, pictureLegend, pointMark } from "#ops/report/picture-marks.ts";
import { packRows } from "#ops/report/picture-rows.ts";
import type { Span } from "#ops/report/picture-rows.ts";
import { axisTicks } from "#ops/report/picture-ticks.ts";
import { lightCounts, lightCountWords } from "#ops/report/report-counts.ts";
import type { LightCounts } from "#ops/report/report-counts.ts";
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
/** Rows of this height have room for a version's name. */
const LABEL_HEIGHT = 11;
/** The usual width of a wide character of such a name. */
const LABEL_CHARACTER_WIDTH = 6;

/**
 * Draws a lane for each machine: each key version a bar from when it was made to when it was destroyed, dark while it is in use;
 * each point a mark on the bar of the version that opens it, its light shown by colour and by shape. A point of which no version in
 * the lane is known is in a row of its own below. Points at the same pixel cover each other, the worse the better ones; the counts are
 * below the machine's name and in the description.
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
${pictureLegend(13, 16)}
<text x="8" y="${TOP - 18}" fill="#444c56">as of ${dayOf(span.toMs)}</text>
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
  const { rowHeight } = laid;
  const placed = placedPoints(lane, laid, x);
  const radius = Math.min(5, rounded(rowHeight * 0.42));
  const byRow = Map.groupBy(placed, ({ row }) => row);
  const bars = lane.versions.map((version, index) => {
    const row = laid.rows[index] ?? 0;
    const marks = { radius, at: byRow.get(row)?.map((mark) => mark.x) ?? [] };
    return drawBar(version, { y: top + row * rowHeight, marks }, laid, x);
  });
  const marks = placed
    .toSorted((a, b) => weightOf(a.point) - weightOf(b.point))
    .map((mark) => {
      const { light, deleted } = mark.point;
      const y = rounded(top + (mark.row + 0.5) * rowHeight);
      return pointMark(light, { x: mark.x, y, radius, pale: deleted, title: pointWords(mark.point) });
    });
  return markup`<g role="group" aria-label="${laneWords(lane)}">
<text x="8" y="${top + 12}" font-size="13" font-weight="600" fill="#1f2328">${shortened(lane.machine)}<title>${lane.machine}</title></text>
<line x1="0" y1="${top - LANE_GAP / 2}" x2="${WIDTH}" y2="${top - LANE_GAP / 2}" stroke="#eaedf0"/>
${bars}
${marks}
${countMarks(liveCounts(lane), 8, top + 23)}
</g>`;
}

/** A mark: a point that several versions open has several. */
type Placed = { readonly point: PicturePoint; readonly row: number; readonly x: number };

function placedPoints({ versions, points }: Lane, laid: Laid, x: (ms: number) => number): readonly Placed[] {
  const rowOf = new Map(versions.map(({ name }, index) => [name, laid.rows[index] ?? 0]));
  const lastRow = laid.height / laid.rowHeight - 1;
  return points.flatMap((point) => {
    const known = point.versions.flatMap((name) => rowOf.get(name) ?? []);
    return (known.length === 0 ? [lastRow] : known).map((row) => ({ point, row, x: x(point.at.epochMilliseconds) }));
  });
}

/** What is drawn later covers what is drawn before. */
function weightOf({ light, deleted }: PicturePoint): number {
  return lightsByWeight.indexOf(light) - (deleted ? lightsByWeight.length : 0);
}

function drawBar(
  version: PictureVersion,
  { y, marks }: { readonly y: number; readonly marks: { readonly radius: number; readonly at: readonly number[] } },
  { rowHeight, at }: Laid,
  x: (ms: number) => number,
): Markup {
  const from = x(version.createdAt.epochMilliseconds);
  // By a clock that was wrong it may have been destroyed before it was made.
  const heldTo = Math.max(from, x(version.destroyedAt?.epochMilliseconds ?? at));
  const usedTo = Math.min(heldTo, x(version.retiredAt?.epochMilliseconds ?? at));
  const height = Math.max(2, rowHeight - 2);
  const labelWidth = version.name.length * LABEL_CHARACTER_WIDTH;
  const start = rowHeight < LABEL_HEIGHT ? null : freeStart({ from, to: heldTo }, marks, labelWidth);
  const label =
    start === null
      ? markup``
      : markup`<text x="${rounded(start)}" y="${y + height - 3.5}" font-size="9" fill="#1f2328">${version.name}</text>`;
  const end = version.destroyedAt === null ? markup`` : barEnd(heldTo, y, height);
  return markup`<g><title>${versionWords(version)}</title><rect x="${from}" y="${y}" width="${widthOf(from, heldTo)}" height="${height}" rx="1" fill="${barColours.replaced}"/><rect x="${from}" y="${y}" width="${widthOf(from, usedTo)}" height="${height}" rx="1" fill="${barColours.inUse}"/>${end}${label}</g>`;
}

/** From the first thing shown to now; never empty. */
function spanOf(lanes: readonly Lane[], at: Temporal.Instant): Span {
  const begins = lanes.flatMap(({ versions, points }) => [
    ...versions.map(({ createdAt }) => createdAt.epochMilliseconds),
    ...points.map((point) => point.at.epochMilliseconds),
  ]);
  const toMs = at.epochMilliseconds;
  return { fromMs: begins.reduce((first, ms) => Math.min(first, ms), toMs - 86_400_000), toMs };
}

function liveCounts({ points }: Lane): LightCounts {
  return lightCounts(points.filter(({ deleted }) => !deleted).map(({ light }) => light));
}

function laneWords(lane: Lane): string {
  const { machine, versions } = lane;
  const held = versions.filter(({ destroyedAt }) => destroyedAt === null).length;
  return `${machine}: ${versions.length} key versions, ${held} of them held; ${lightCountWords(liveCounts(lane))}.`;
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
