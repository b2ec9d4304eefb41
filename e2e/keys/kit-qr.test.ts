import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Trial } from "../cli/trial.ts";
import { readKit } from "./kit-rig.ts";

/** Pixels that a module has on each side, and modules around the code. */
const [SCALE, MARGIN] = [4, 4];

/** A code of a page, in which a module is ten units wide, as a bitmap. */
function bitmapOf(svg: string): string {
  const [, size] = /viewBox="0 0 (\d+) /.exec(svg) ?? assert.fail();
  const side = (Number(size) / 10 + 2 * MARGIN) * SCALE;
  const dark = new Set([...svg.matchAll(/M(\d+,\d+)h10v10h-10z/g)].map(([, at]) => at));
  const unit = (pixel: number): number => (Math.floor(pixel / SCALE) - MARGIN) * 10;
  const pixels = Array.from({ length: side * side }, (_, at) =>
    dark.has(`${unit(at % side)},${unit(Math.floor(at / side))}`) ? 1 : 0,
  );
  return `P1\n${side} ${side}\n${pixels.join("\n")}\n`;
}

/** What a reader of QR codes reads off a page, in the order of its codes. */
function readCodes(trial: Trial, html: string): readonly string[] {
  return [...html.matchAll(/<svg .*?<\/svg>/gs)].map(([svg]) => {
    writeFileSync(trial.path("code.pbm"), bitmapOf(svg));
    const { stdout, stderr } = spawnSync("zbarimg", ["--quiet", "--raw", trial.path("code.pbm")], { encoding: "utf8" });
    assert.notEqual(stdout, "", stderr);
    return stdout.trimEnd();
  });
}

test("the QR codes of a kit's pages say what is printed beside them", (t) => {
  if (spawnSync("zbarimg", ["--version"]).error !== undefined) {
    console.error(`NOT TESTED: ${t.name}: needs zbarimg`);
    return t.skip("needs zbarimg");
  }
  const trial = new Trial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-kit-check --custodians anna,陈 --threshold 2",
    "lockstep keystore seal",
  );
  const { shares, signingKey } = readKit(trial.path("lockstep-kit"));
  const symbols = (groups: string): string => groups.replaceAll(" ", "").toUpperCase();
  const names = readdirSync(trial.path("lockstep-kit")).toSorted();
  for (const [at, name] of names.entries()) {
    const html = readFileSync(trial.path("lockstep-kit", name), "utf8");
    const [root = ""] = /Root-key commitment.*?<pre>(.*?)<\/pre>/s.exec(html)?.slice(1) ?? [];
    const commitment = root.replaceAll(/<i>.*?<\/i>|\s/g, "").toUpperCase();
    const [share, others] = readCodes(trial, html);
    assert.equal(share, symbols(shares[at] ?? ""));
    assert.equal(others, `SIGNING KEY ${symbols(signingKey)}\nROOT ${commitment}`);
  }
});
