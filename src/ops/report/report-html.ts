import { drawPicture } from "#ops/report/picture.ts";
import { addedCounts, countOf } from "#ops/report/report-counts.ts";
import type { LightCounts } from "#ops/report/report-counts.ts";
import { keySideSections } from "#ops/report/report-key-side-html.ts";
import type { ReportMachine, ReportPoint } from "#ops/report/report-machine.ts";
import { markup } from "#ops/report/report-markup.ts";
import type { Markup } from "#ops/report/report-markup.ts";
import { reportStyle } from "#ops/report/report-style.ts";
import { minuteOf, reportTable } from "#ops/report/report-table.ts";
import { reportPicture } from "#ops/report/report.ts";
import type { Report } from "#ops/report/report.ts";
import type { Light } from "#policy/light.ts";

/**
 * A report as a page of HTML, to be read on a screen or printed. It is whole in itself: it loads nothing, and no script is in it or
 * would run.
 *
 * @param needs  what a person should look at, in words
 */
export function reportHtml(report: Report, needs: readonly string[]): string {
  const { at, vault, machines, keySide, trouble } = report;
  const title = `Lockstep report, ${minuteOf(at.toString())}`;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
${reportStyle}
</head>
<body>
<h1>${title}</h1>
<p>Vault ${vault.place} (<code>${vault.id}</code>). ${keySide === null ? `The key side could not be asked: ${trouble ?? "no answer"}.` : markup`Key store <code>${keySide.store.id}</code>, epoch ${keySide.store.epoch}.`}</p>
<p>For each recovery point this says which key version opens it, and when that was last shown by a real derivation from the bytes that the vault
gave. It is put together from the machines' logs and the key store's answers; making it read no disk and tried no key. All times are in UTC.
Green: a held key opened this very copy lately. Amber: not tried lately, not yet known, or the copy is torn. Red: nothing held opens it, or its bytes are
damaged.</p>
<h2>What needs a person</h2>
${needs.length === 0 ? markup`<p>Nothing.</p>` : markup`<ul>${needs.map((words) => markup`<li>${words}</li>`)}</ul>`}
<h2>Machines</h2>
${machineTable(machines)}
<h2>Key versions and recovery points</h2>
<figure>${drawPicture(reportPicture(report))}</figure>
${machines.map(machineSection)}
${keySide === null ? markup`` : keySideSections(keySide, machines)}
</body>
</html>
`;
  return page.text;
}

function machineTable(machines: readonly ReportMachine[]): Markup {
  const rows = machines.map(({ name, protected: isProtected, live, deleted, points }) => [
    isProtected ? name : `${name} (no longer protected)`,
    ...countCells(live),
    countOf(deleted),
    points.length,
  ]);
  const live = addedCounts(machines.map((machine) => machine.live));
  const deleted = countOf(addedCounts(machines.map((machine) => machine.deleted)));
  const total = ["All", ...countCells(live), deleted, countOf(live) + deleted];
  const titles = ["Machine", "Green", "Amber", "Red", "No key needed", "Live", "Deleted, still kept", "All"];
  return reportTable(titles, rows, total);
}

/** The counts of each light, and their sum. */
function countCells(counts: LightCounts): readonly number[] {
  return [counts.green, counts.amber, counts.red, counts.plain, countOf(counts)];
}

function machineSection({ name, id, points }: ReportMachine): Markup {
  const rows = points.map((point) => [
    point.name,
    point.deleted ? `${point.consistency}, deleted` : point.consistency,
    lightCell(point.light.light),
    point.light.versions.join(", ") || "-",
    derivedWords(point),
    point.expectedUntil?.slice(0, 10) ?? "somebody deletes it",
    point.light.reasons.map(({ words }) => words).join("; "),
  ]);
  const titles = ["Point", "Consistency", "Light", "Opened with", "Last derived", "Expected until", "Why not green"];
  return markup`<h3>${name} <small><code>${id}</code></small></h3>
${reportTable(titles, rows)}`;
}

/** When the volume with the oldest derivation was derived: a point is only shown to open by all of its volumes. */
function derivedWords({ stated }: ReportPoint): string {
  const dates = stated.map(({ derivedAt }) => derivedAt);
  if (dates.length === 0 || dates.includes(null)) return "never";
  const [oldest] = dates.filter((date) => date !== null).toSorted();
  return oldest === undefined ? "never" : minuteOf(oldest);
}

function lightCell(light: Light): Markup {
  return markup`<span class="${light}">${light === "plain" ? "no key needed" : light}</span>`;
}
