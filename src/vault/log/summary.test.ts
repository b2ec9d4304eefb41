import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { LogBench, must, signal } from "#testing/vaults/log-bench.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { verifyLog } from "#vault/log/summary-check.ts";
import { parseSummary, writeSummary } from "#vault/log/summary-format.ts";
import { listSummaries, putSummary, surplusSummaries } from "#vault/log/summary.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { sealObject } from "#vault/object/sealed.ts";

/** A machine with 40 points and so with one summary. */
async function filled(seed: string) {
  const bench = new LogBench(seed);
  const log = await bench.create();
  for (let i = 0; i < 40; i++) await bench.point(log);
  const seqs = await listSummaries(bench.store, log.machine, signal);
  return { bench, log, store: bench.store, seqs, at: (seq: number) => objectKeys.summary(log.machine, seq) };
}

test("who appends writes a summary now and then, and a reader starts from it", async () => {
  const { bench, log, seqs } = await filled("start");
  assert.deepEqual(seqs, [65]);
  const { store, calls } = recordingStore(bench.store);
  const opened = await bench.open("host-b", { store });
  assert.deepEqual(writeSummary(opened.fold), writeSummary(log.fold));
  const entries = calls.filter(
    ({ operation, key }) => operation === "get" && key.startsWith(objectKeys.logPrefix(log.machine)),
  );
  assert.ok(entries.length <= 18, `${entries.length} entries were read`);
});

test("a host that appends one entry a day writes summaries too", async () => {
  const bench = new LogBench("one a day");
  const { machine } = await bench.create();
  for (let i = 0; i < 130; i++) await must(await bench.open(), { type: "clock", confirmedAt: bench.now.toString() });
  assert.deepEqual(await listSummaries(bench.store, machine, signal), [64, 128]);
});

test("a broken summary is passed over for an older one, and for the whole log", async () => {
  const { bench, log, store, at } = await filled("broken");
  await putSummary(bench.source(), log.fold, bench.random, signal);
  for (const seq of [81, 65]) {
    const bytes = await store.get(at(seq), 1 << 20, signal);
    assert.ok(bytes !== null);
    await store.delete(at(seq), signal);
    await store.put(at(seq), [bytes.with(80, (bytes[80] ?? 0) ^ 1)], {}, signal);
    const opened = await bench.open();
    assert.deepEqual(writeSummary(opened.fold), writeSummary(log.fold));
    assert.match(opened.warnings[0] ?? "", new RegExp(`${at(81)} was passed over`));
  }
});

test("a summary on a bad sector is passed over", async () => {
  const { bench, log, store, at } = await filled("bad sector");
  const opened = await bench.open("host-b", { store: badSectorStore(store, at(65)) });
  assert.deepEqual(writeSummary(opened.fold), writeSummary(log.fold));
  assert.match(opened.warnings[0] ?? "", new RegExp(`${at(65)} was passed over`));
});

test("a log that is shorter than its summary is corrupt, not short", async () => {
  const { bench, log, store } = await filled("shorter");
  for (let seq = 60; seq <= 81; seq++) await store.delete(objectKeys.logEntry(log.machine, seq), signal);
  await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: /log\/0000003c: it is missing/ });
});

test("a summary of another history is passed over", async () => {
  const { bench, log, at } = await filled("other");
  await bench.store.delete(at(65), signal);
  await putSummary(bench.source(), { ...log.fold, seq: 80, hash: "00".repeat(32) }, bench.random, signal);
  const opened = await bench.open();
  assert.deepEqual(writeSummary(opened.fold), writeSummary(log.fold));
  assert.match(opened.warnings[0] ?? "", /does not have the entry that it ends with/);
});

test("a check finds a summary that lies, and one of an entry that is not there", async () => {
  const { bench, log, seqs } = await filled("lies");
  const whole = await verifyLog(bench.source(), () => undefined, signal);
  assert.deepEqual(whole.wrong, []);
  assert.ok(whole.fold !== null && seqs.length === 1);
  assert.deepEqual(writeSummary(whole.fold), writeSummary(log.fold));

  await putSummary(
    bench.source(),
    { ...log.fold, points: log.fold.points.without([...log.fold.points.keys()][0]!) },
    bench.random,
    signal,
  );
  await putSummary(bench.source(), { ...log.fold, seq: 99 }, bench.random, signal);
  const { wrong } = await verifyLog(bench.source(), () => undefined, signal);
  assert.deepEqual(
    wrong.map(({ seq }) => seq),
    [81, 99],
  );
});

test("all but the two newest summaries may go", async () => {
  assert.deepEqual(surplusSummaries([]), []);
  assert.deepEqual(surplusSummaries([64, 128]), []);
  assert.deepEqual(surplusSummaries([256, 64, 128]), [64]);
});

test("a store without deletes is enough to append and to write summaries", async () => {
  const bench = new LogBench("append only");
  const { machine } = await bench.create();
  const log = await bench.open("host-b", { store: appendOnlyStore(bench.store) });
  for (let i = 0; i < 70; i++) await must(log, { type: "clock", confirmedAt: bench.now.toString() });
  assert.deepEqual(log.warnings, []);
  assert.equal((await listSummaries(bench.store, machine, signal)).length, 1);
});

/** A summary as a program wrote it that did not know verdicts, receipts and checks. */
function olderSummary(fold: Fold): Uint8Array {
  const json = JSON.parse(fromUtf8(writeSummary(fold))) as { points: Record<string, unknown>[] };
  const points = json.points.map(({ volumes: _v, shown: _s, checkedAt: _c, hurt: _h, ...point }) => point);
  const unknown = { volumes: undefined, keyStore: undefined, receipts: undefined, checks: undefined };
  return utf8(JSON.stringify({ ...json, points, ...unknown }));
}

test("one that lacks only the key store is an older program's as well", async () => {
  const { log } = await filled("no key store");
  const json = JSON.parse(fromUtf8(writeSummary(log.fold))) as Record<string, unknown>;
  assert.deepEqual([json["keyStore"], parseSummary(writeSummary(log.fold), "it").isOlder], [null, false]);
  const older = utf8(JSON.stringify({ ...json, keyStore: undefined }));
  assert.equal(parseSummary(older, "it").isOlder, true);
});

test("a summary of an older program is right as far as it goes, and nobody reads the log by it", async () => {
  const { bench, log, store, at } = await filled("older program");
  const [point] = log.fold.points.keys();
  assert.ok(point !== undefined);
  await must(log, bench.verdictDraft(point));
  await must(log, bench.receiptDraft("a".repeat(32)));
  const { seq } = log.fold;
  await store.put(at(seq), [sealObject(bench.keys, "summ", at(seq), olderSummary(log.fold), bench.random)], {}, signal);
  assert.deepEqual((await verifyLog(bench.source(), () => undefined, signal)).wrong, []);

  const opened = await bench.open();
  assert.deepEqual(opened.warnings, []);
  assert.deepEqual([opened.fold.points.get(point)?.shown.length, opened.fold.receipts.size], [1, 1]);
});
