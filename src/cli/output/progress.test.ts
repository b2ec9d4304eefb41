import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { Output } from "#cli/output/output.ts";
import { barText, endParts, progressParts } from "#cli/output/progress-text.ts";
import { progress } from "#cli/output/progress.ts";

const GiB = 1024 ** 3;

async function start(options: { json?: boolean; isTTY?: boolean } = {}) {
  const stderr = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: options.isTTY ?? false, columns: 120 });
  const stdout = new PassThrough();
  const output = new Output({ command: "backup", json: options.json ?? false, quiet: false, stdout, stderr });
  const clock = { ms: 5_000 };
  const shown = () => (stderr.read() as string | null) ?? "";
  return { bar: await progress(output, () => clock.ms), output, clock, shown };
}

test("how far it is: part, bytes, rate, time left", () => {
  const state = { doneBytes: 12 * GiB, totalBytes: 40 * GiB, bytesPerMs: (400 * 1024 ** 2) / 1000 };
  assert.deepEqual(progressParts(state), ["30 %", "12.0 GiB of 40.0 GiB", "400.0 MiB/s", "1 min 11 s left"]);
  assert.deepEqual(progressParts({ ...state, bytesPerMs: null }), ["30 %", "12.0 GiB of 40.0 GiB"]);
  assert.deepEqual(progressParts({ ...state, bytesPerMs: 0 }), ["30 %", "12.0 GiB of 40.0 GiB", "0 B/s"]);
  assert.deepEqual(progressParts({ ...state, totalBytes: null }), ["12.0 GiB", "400.0 MiB/s"]);
  assert.deepEqual(progressParts({ ...state, totalBytes: 0, bytesPerMs: null })[0], "100 %");
});

test("it is 100 % only when all is done, and never more", () => {
  assert.equal(progressParts({ doneBytes: 999_999, totalBytes: 1_000_000, bytesPerMs: null })[0], "99 %");
  assert.equal(progressParts({ doneBytes: 2, totalBytes: 1, bytesPerMs: 1 })[0], "100 %");
  assert.deepEqual(endParts(40 * GiB, 98_000), ["40.0 GiB in 1 min 38 s", "418.0 MiB/s"]);
  assert.deepEqual(endParts(0, 0), ["0 B in 0 s"]);
  assert.deepEqual(barText(999_999, 1_000_000), ["[#######################-]"]);
  assert.deepEqual(barText(2, 1), ["[########################]"]);
  assert.deepEqual(barText(2, null), []);
});

test("without a terminal there is a line every ten seconds at most, and one at the end", async () => {
  const { bar, clock, shown } = await start();
  bar.start(40 * GiB, "web01");
  for (let second = 1; second <= 25; second++) {
    clock.ms += 1000;
    bar.advance(GiB);
  }
  bar.note("the store is slow");
  bar.stop();
  bar.stop();
  assert.deepEqual(shown().split("\n"), [
    "web01: 25 %, 10.0 GiB of 40.0 GiB, 1.0 GiB/s, 30 s left",
    "web01: 50 %, 20.0 GiB of 40.0 GiB, 1.0 GiB/s, 20 s left",
    "the store is slow",
    "web01: 25.0 GiB in 25 s, 1.0 GiB/s",
    "",
  ]);
});

test("the next piece of work ends the one before, and starts from nothing", async () => {
  const { bar, clock, shown } = await start();
  bar.advance(7);
  {
    using pieces = bar;
    pieces.start(GiB, "first");
    clock.ms += 2000;
    pieces.advance(GiB);
    pieces.start(null, "second");
    clock.ms += 1000;
    pieces.advance(GiB);
  }
  assert.deepEqual(shown().split("\n"), [
    "first: 1.0 GiB in 2 s, 512.0 MiB/s",
    "second: 1.0 GiB in 1 s, 1.0 GiB/s",
    "",
  ]);
});

test("with json there is nothing", async () => {
  const { bar, clock, shown } = await start({ json: true, isTTY: true });
  bar.start(GiB, "web01");
  clock.ms += 60_000;
  bar.advance(GiB);
  bar.note("slow");
  bar.stop();
  assert.equal(shown(), "");
});

test("on a terminal there is a bar, lines go above it, and nothing of it stays", async () => {
  const { bar, output, clock, shown } = await start({ isTTY: true });
  bar.start(40 * GiB, "web01\u001b[2J");
  const first = shown();
  assert.ok(first.includes("web01\\x1b[2J  [------------------------]  0 %  0 B of 40.0 GiB"), first);
  clock.ms += 2000;
  bar.advance(20 * GiB);
  output.warn({ code: "SLOW", message: "the store is slow" });
  assert.equal(shown(), "\r\u001b[2Kwarning: the store is slow [SLOW]\n");
  bar.start(GiB, "next");
  const next = shown();
  assert.ok(next.includes("\u001b[0J"), "the first bar is wiped");
  assert.ok(next.includes("next  [------------------------]  0 %"), next);
  output.finish({});
  assert.equal(shown(), "\u001b[1G\u001b[0J");
  bar.stop();
  assert.equal(shown(), "");
});

test("a bar changes no mode of the terminal that a killed process would leave behind", async () => {
  const { bar, shown } = await start({ isTTY: true });
  bar.start(GiB, "web01");
  bar.advance(GiB);
  bar.stop();
  const escapes = shown().split("\u001b").slice(1);
  assert.ok(escapes.length > 0);
  for (const escape of escapes) assert.match(escape, /^\[\d*[GJKABCD]/);
});
