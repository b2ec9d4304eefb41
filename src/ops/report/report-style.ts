import { markup } from "#ops/report/report-markup.ts";

/** How a report looks, on a screen and on A4 laid sideways. */
export const reportStyle = markup`<style>
@page { size: A4 landscape; margin: 12mm; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1f2328; margin: 2em auto; max-width: 1200px; padding: 0 1em; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2em; border-bottom: 1px solid #d0d7de; }
small { font-weight: normal; color: #57606a; }
figure { margin: 0; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th, td { text-align: left; vertical-align: top; padding: 3px 8px; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
tfoot td { font-weight: 600; border-top: 2px solid #1f2328; }
.green { color: #1a7f37; font-weight: 600; }
.amber { color: #9a5b00; font-weight: 600; }
.red { color: #a40e26; font-weight: 700; text-decoration: underline; }
@media print {
  body { margin: 0; max-width: none; padding: 0; font-size: 9pt; }
  table { font-size: 8pt; }
  thead { display: table-header-group; }
  tr, figure { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; }
}
</style>`;
