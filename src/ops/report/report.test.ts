import assert from "node:assert/strict";
import { test } from "node:test";

import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";
import { keepInStep } from "#ops/keys/keep-in-step.ts";
import { reportAttention } from "#ops/report/report-attention.ts";
import { addedCounts, countOf } from "#ops/report/report-counts.ts";
import { reportHtml } from "#ops/report/report-html.ts";
import { makeReport, reportPicture } from "#ops/report/report.ts";
import type { Report } from "#ops/report/report.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import type { PointId } from "#vault/object/ids.ts";

/** A report as an auditor gets it. */
function reportOf(bench: InStepBench, client?: KeyClient): Promise<Report> {
  const auditor: KeyClient = { call: (name, input) => bench.keySide.as("auditor", name, input) };
  return makeReport(
    {
      vault: { id: bench.vault.keyring.keys.vaultId, place: "/backup/<vault>" },
      machines: { logs: [bench.log], faults: [], warnings: [] },
      client: client ?? auditor,
      now: bench.vault.now(),
    },
    bench.signal,
  );
}

async function proved(bench: InStepBench, points: readonly PointId[]): Promise<void> {
  await keepInStep(bench.deps, points, { anew: false, progress: () => undefined }, bench.signal);
}

/** The text of a page's elements, its entities as they are. */
function cells(html: string): string[] {
  return Array.from(html.matchAll(/<td[^>]*>([^<]*)/g), ([, text]) => text ?? "");
}

test("an auditor gets each point with its light, its version and when that was derived, and what needs that version", async () => {
  using bench = await InStepBench.make("report");
  await bench.bindKey();
  const first = await bench.backUp();
  await proved(bench, [first]);
  bench.pass({ days: 1 });
  await bench.backUp();
  await proved(bench, []);
  const report = await reportOf(bench);
  const [machine] = report.machines;
  assert.deepEqual(machine?.live, { green: 1, amber: 1, red: 0, plain: 0 });
  assert.deepEqual(
    machine?.points.map(({ light, stated }) => [light.light, light.versions, stated[0]?.derivedAt ?? null]),
    [
      ["amber", [], null],
      ["green", ["web01/v1"], "2026-01-01T00:00:00Z"],
    ],
  );
  assert.deepEqual([...report.bound.values()], [["web01/v1"], ["web01/v1"]]);
  const { versions, audit } = report.keySide ?? {};
  assert.partialDeepStrictEqual(versions, [{ name: "web01/v1", retiredAt: null, destroyedAt: null }]);
  assert.ok((versions?.[0]?.needs ?? 0) >= 2);
  assert.deepEqual([audit?.receipts, audit?.faults, audit?.notOurs], [1, [], []]);
  assert.deepEqual(reportAttention(report), ["1 point of web01 is amber"]);
});

test("points are drawn on the bar of what opened them, or of what is bound to them while nothing did", async () => {
  using bench = await InStepBench.make("report picture");
  await bench.bindKey();
  const point = await bench.backUp();
  await proved(bench, [point]);
  await bench.backUp();
  await proved(bench, []);
  const [lane] = reportPicture(await reportOf(bench)).lanes;
  assert.deepEqual(
    lane?.points.map(({ versions }) => versions),
    [["web01/v1"], ["web01/v1"]],
  );
  assert.deepEqual(
    lane?.versions.map(({ name }) => name),
    ["web01/v1"],
  );
});

test("acts that were refused are in it, with who asked", async () => {
  using bench = await InStepBench.make("report refusals");
  await bench.bindKey();
  await proved(bench, [await bench.backUp()]);
  await assert.rejects(bench.keySide.as("custodian", "key.delete", { name: "web01/v1" }));
  const { audit } = (await reportOf(bench)).keySide ?? {};
  assert.partialDeepStrictEqual(audit?.refused, [{ act: "key.delete", who: "custodian" }]);
});

test("an audit log that somebody wrote in is said to need a person", async () => {
  using bench = await InStepBench.make("report forged audit log");
  await bench.bindKey();
  await proved(bench, [await bench.backUp()]);
  const { db } = bench.keySide.side.store;
  const last = db.prepare("SELECT max(seq) AS seq FROM audit").get() as { seq: number };
  db.exec("DROP TRIGGER audit_is_append_only_1");
  db.prepare("UPDATE audit SET subject = 'another' WHERE seq = ?").run(last.seq);
  assert.match(reportAttention(await reportOf(bench)).join("\n"), /the audit log is not whole: entry \d+/);
});

test("a key side that cannot be asked, or refuses, leaves what the logs say, and is named on the page", async () => {
  using bench = await InStepBench.make("report alone");
  await bench.bindKey();
  await proved(bench, [await bench.backUp()]);
  const away = () => Promise.reject(new LockstepError("KEY_SIDE_UNREACHABLE", "nobody answers at <socket>"));
  const report = await reportOf(bench, { call: away });
  assert.deepEqual([report.keySide, report.trouble], [null, "nobody answers at <socket>"]);
  assert.equal(report.machines[0]?.live.green, 1);
  assert.match(reportHtml(report, []), /The key side could not be asked: nobody answers at &lt;socket&gt;/);
  assert.match((await reportOf(bench, bench.client)).trouble ?? "", /backup/);
});

test("the page's numbers add up, it loads nothing, and no name in it is markup", async () => {
  using bench = await InStepBench.make("report page");
  await bench.bindKey();
  await proved(bench, [await bench.backUp()]);
  await bench.backUp();
  const report = await reportOf(bench);
  const { machines } = report;
  const two: Report = {
    ...report,
    machines: machines.flatMap((machine) => [machine, { ...machine, name: `<script>"&'` }]),
  };
  const html = reportHtml(two, ["<img src=x>"]);
  const totals = /<tfoot>([^]*)<\/tfoot>/.exec(html)?.[1] ?? "";
  assert.deepEqual(cells(totals), ["All", "2", "2", "0", "0", "4", "0", "4"]);
  const live = addedCounts(two.machines.map((machine) => machine.live));
  assert.equal(countOf(live), two.machines.flatMap(({ points }) => points).length);
  assert.doesNotMatch(html, /<script|<img|<link|@import|url\(|\son\w+=/);
  assert.match(html, /default-src 'none'/);
  assert.match(html, /&lt;script&gt;&quot;&amp;&#39;/);
});
