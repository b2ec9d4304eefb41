import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { drawPicture } from "#ops/report/picture.ts";
import type { Lane, PicturePoint, PictureVersion } from "#ops/report/picture.ts";

const day = (text: string): Temporal.Instant => Temporal.Instant.from(`${text}T12:00Z`);
const at = day("2027-03-01");

const lane: Lane = {
  machine: "web01",
  versions: [
    { name: "web01/v1", createdAt: day("2026-01-01"), retiredAt: day("2026-06-01"), destroyedAt: day("2026-12-01") },
    { name: "web01/v2", createdAt: day("2026-06-01"), retiredAt: day("2027-01-01"), destroyedAt: null },
    { name: "web01/v3", createdAt: day("2027-01-01"), retiredAt: null, destroyedAt: null },
  ],
  points: [
    { name: "web01@2026-08-01", at: day("2026-08-01"), light: "green", versions: ["web01/v2"], deleted: false },
    { name: "web01@2026-09-01", at: day("2026-09-01"), light: "amber", versions: ["web01/v2"], deleted: true },
    { name: "web01@2027-02-01", at: day("2027-02-01"), light: "red", versions: ["web01/v3"], deleted: false },
    { name: "web01@2027-02-02", at: day("2027-02-02"), light: "plain", versions: [], deleted: false },
  ],
};

/** Of each bar its upper edge, by the version's name. */
function barTops(svg: string): ReadonlyMap<string, number> {
  const bars = svg.matchAll(/<g><title>([^:<]+): [^<]*<\/title><rect x="[\d.]+" y="([\d.]+)"/g);
  return new Map(Array.from(bars, ([, name = "", y]) => [name, Number(y)]));
}

test("a small picture is drawn as it was", () => {
  const golden = readFileSync(join(import.meta.dirname, "picture.golden.svg"), "utf8");
  assert.equal(`${drawPicture({ at, lanes: [lane] }).text}\n`, golden);
});

test("a point is on the bar of the version that opens it, and one without a version is below all bars", () => {
  const svg = drawPicture({ at, lanes: [lane] }).text;
  const tops = barTops(svg);
  assert.deepEqual([...tops.keys()], ["web01/v1", "web01/v2", "web01/v3"]);
  const inLane = svg.slice(svg.indexOf('aria-label="web01'));
  const cy = (light: string): number =>
    Number(new RegExp(`class="${light}" opacity="1" cx="[\\d.]+" cy="([\\d.]+)"`).exec(inLane)?.[1]);
  const v2 = tops.get("web01/v2") ?? NaN;
  assert.ok(cy("green") > v2 && cy("green") < v2 + 16, svg);
  assert.ok(cy("plain") > Math.max(...tops.values()) + 14);
});

test("a version that was destroyed before it was made, by a clock that was wrong, ends where it begins", () => {
  const version = { name: "web01/v4", createdAt: day("2026-06-01"), retiredAt: null, destroyedAt: day("2025-06-01") };
  const svg = drawPicture({ at, lanes: [{ ...lane, versions: [...lane.versions, version] }] }).text;
  const [, bar, end] = /web01\/v4: [^<]*<\/title><rect x="([\d.]+)".*?<line x1="([\d.]+)"/.exec(svg) ?? [];
  assert.ok(bar !== undefined && bar === end, svg);
});

test("whoever sees no colours is told by shapes, and whoever sees nothing by words", () => {
  const svg = drawPicture({ at, lanes: [lane] }).text;
  assert.match(svg, /role="img" aria-labelledby="picture-title picture-desc"/);
  assert.match(
    svg,
    /<desc id="picture-desc">web01: 3 key versions, 2 of them held; 3 points: 1 green, 0 amber, 1 red, 1 without anything encrypted\.<\/desc>/,
  );
  const kinds = ["green", "amber", "red", "plain"].map((light) =>
    new RegExp(`<(\\w+) class="${light}" opacity`).exec(svg),
  );
  assert.deepEqual(
    kinds.map((kind) => kind?.[1]),
    ["circle", "path", "path", "circle"],
  );
});

test("what is worse is not covered by what is better, and what is deleted covers nothing", () => {
  const [found] = lane.points;
  assert.ok(found !== undefined);
  const same = (["red", "amber", "green", "plain"] as const).map((light) => ({ ...found, name: light, light }));
  const points = [...same, { ...found, name: "deleted red", light: "red" as const, deleted: true }];
  const svg = drawPicture({ at, lanes: [{ ...lane, points }] }).text;
  const drawn = [...svg.matchAll(/<title>([a-z ]+); [^<]*<\/title><\/(?:circle|path)>/g)].map(([, name]) => name);
  assert.deepEqual(drawn, ["deleted red", "plain", "green", "amber", "red"]);
});

test("below a machine's name it says how many points have which light, the worst first and deleted ones apart", () => {
  const svg = drawPicture({ at, lanes: [lane] }).text;
  const counts = svg.slice(svg.lastIndexOf('<g aria-hidden="true">'));
  const said = counts.matchAll(/class="(\w+)" .*?<\/title><\/\w+><text [^>]*>(\d+)</g);
  assert.deepEqual(
    Array.from(said, ([, light, count]) => [light, count]),
    [
      ["red", "1"],
      ["green", "1"],
      ["plain", "1"],
    ],
  );
});

test("a version's name is in its bar where no mark covers it", () => {
  const [, , inUse] = lane.versions;
  assert.ok(inUse !== undefined);
  const points = ["2027-01-02", "2027-01-20"].map((date) => {
    return { name: date, at: day(date), light: "green", versions: [inUse.name], deleted: false } as const;
  });
  const svg = drawPicture({ at, lanes: [{ ...lane, versions: [inUse], points }] }).text;
  const [first = NaN, second = NaN] = Array.from(svg.matchAll(/cx="([\d.]+)" [^>]*><title>2027/g), ([, x]) =>
    Number(x),
  );
  const label = Number(/<text x="([\d.]+)"[^>]*>web01\/v3</.exec(svg)?.[1]);
  assert.ok(first + 5 < label && label < second - 5, svg);
});

const instants = fc.integer({ min: 0, max: 400 }).map((days) => day("2026-01-01").add({ hours: 24 * days }));
const texts = fc.string({ unit: "binary", maxLength: 12 });
const versions: fc.Arbitrary<PictureVersion> = fc.record({
  name: texts,
  createdAt: instants,
  retiredAt: fc.option(instants),
  destroyedAt: fc.option(instants),
});
const points: fc.Arbitrary<PicturePoint> = fc.record({
  name: texts,
  at: instants,
  light: fc.constantFrom("green", "amber", "red", "plain"),
  versions: fc.array(texts, { maxLength: 2 }),
  deleted: fc.boolean(),
});
const lanes: fc.Arbitrary<Lane> = fc.record({
  machine: texts,
  versions: fc.array(versions, { maxLength: 8 }),
  points: fc.array(points, { maxLength: 12 }),
});

test("whatever names and dates are, all is within the picture, each element ends, and no name is markup", () => {
  fc.assert(
    fc.property(fc.array(lanes, { maxLength: 3 }), (all) => {
      const svg = drawPicture({ at, lanes: all }).text;
      const [, height = ""] = /viewBox="0 0 1200 (\d+)"/.exec(svg) ?? [];
      for (const [, name, value] of svg.matchAll(/ (x|y|cx|cy|x1|x2|y1|y2|width|height)="([^"]*)"/g)) {
        const most = /^(x|cx|x1|x2|width)$/.test(name ?? "") ? 1200 : Number(height);
        assert.ok(Number(value) >= 0 && Number(value) <= most, `${name}=${value}`);
      }
      const open: string[] = [];
      for (const [, end, name = "", , self] of svg.matchAll(/<(\/?)(\w+)((?: [\w-]+(?::\w+)?="[^"<>]*")*)(\/?)>/g)) {
        if (end === "/") assert.equal(open.pop(), name);
        else if (self !== "/") open.push(name);
      }
      assert.deepEqual(open, []);
      const known = /<\/?(svg|title|desc|g|rect|line|circle|path|text)[ >/]/g;
      assert.equal([...svg.matchAll(known)].length, [...svg.matchAll(/</g)].length);
    }),
    { numRuns: 60 },
  );
});

test("ten years of five machines with monthly rollovers stay legible: no lane is much higher than its share", () => {
  const ten = Array.from({ length: 5 }, (_, machine) => ({
    machine: `machine${machine}`,
    versions: Array.from({ length: 120 }, (__, month) => ({
      name: `machine${machine}/v${month + 1}`,
      createdAt: day("2026-01-01").add({ hours: 730 * month }),
      retiredAt: month === 119 ? null : day("2026-01-01").add({ hours: 730 * (month + 1) }),
      destroyedAt: month > 100 ? null : day("2026-01-01").add({ hours: 730 * (month + 13) }),
    })),
    points: [],
  }));
  const svg = drawPicture({ at: day("2036-01-01"), lanes: ten }).text;
  assert.ok(Number(/viewBox="0 0 1200 (\d+)"/.exec(svg)?.[1]) < 2000);
  assert.deepEqual(
    [...svg.matchAll(/text-anchor="middle" fill="#444c56">([^<]+)</g)].map(([, label]) => label),
    ["2027", "2028", "2029", "2030", "2031", "2032", "2033", "2034", "2035", "2036"],
  );
});
