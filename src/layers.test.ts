import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

import { layers, testOnlyFolder } from "#layers.ts";

const src = import.meta.dirname;
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

/** The module specifiers of a source text's import and export statements. Statements start at a line's start, so that text which merely speaks of one is none. */
function staticSpecifiers(text: string): string[] {
  const statements = text.matchAll(/^(?:import|(?:import|export)\b[^;="'`]*?\bfrom)\s*"([^"]+)"/gm);
  return [...statements].map((match) => match[1] ?? "");
}

/** Every module specifier in a source text: also those of dynamic imports and of worker entry points. */
function specifiers(text: string): string[] {
  const dynamic = text.matchAll(/\bimport\(\s*"([^"]+)"/g);
  const urls = text.matchAll(/new URL\("([^"]+\.ts)", import\.meta\.url\)/g);
  return [...staticSpecifiers(text), ...[...dynamic, ...urls].map((match) => match[1] ?? "")];
}

test("imports are found in every form, and not in text that speaks of them", () => {
  const source = [
    'import "a";',
    'import b from "b";',
    'import type { C } from "c";',
    "import {",
    "  type D,",
    '} from "d";',
    'import * as e from "e";',
    'export { f } from "f";',
    'export * from "g";',
    'const h = await import("h");',
    "const i = import(",
    '  "i"',
    ");",
    'new Worker(new URL("./j.ts", import.meta.url));',
    'export const origin = { from: "no" };',
    'export const text = `a copy from "no"`;',
    '// import "no";',
    ' * it is read from "no"',
    "const script = `import { x } from '${no}'; import y from \"no\";`;",
  ].join("\n");
  assert.deepEqual(specifiers(source).sort(), ["a", "b", "c", "d", "e", "f", "g", "h", "i", "./j.ts"].sort());
});

function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
}

test("every folder of src is in the layer table, and the table names no other", () => {
  const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0] ?? ""));
  folders.delete(testOnlyFolder);
  assert.deepEqual([...folders].sort(), Object.keys(layers).sort());
});

test("imports go down only, and each folder uses its own packages only", () => {
  const broken: string[] = [];
  for (const file of files) {
    const folder = file.includes("/") ? (file.split("/")[0] ?? "") : "";
    const isTest = file.endsWith(".test.ts") || folder === testOnlyFolder;
    const allowed = layers[folder];
    for (const specifier of specifiers(readFileSync(join(src, file), "utf8"))) {
      if (specifier.startsWith("node:")) continue;
      if (specifier.startsWith("#") || specifier.startsWith(".")) {
        const path = specifier.startsWith("#")
          ? specifier.slice(1)
          : relative(src, join(src, dirname(file), specifier));
        const target = path.includes("/") ? (path.split("/")[0] ?? "") : "";
        if (target === folder || isTest) continue;
        if (!allowed?.folders.includes(target)) broken.push(`${file} imports ${specifier}`);
      } else if (!isTest && !allowed?.packages.includes(packageOf(specifier))) {
        broken.push(`${file} uses the package ${packageOf(specifier)}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test("the table has no circle: each folder lists only folders above it in the table", () => {
  const seen: string[] = [];
  for (const [folder, { folders }] of Object.entries(layers)) {
    for (const below of folders) assert.ok(seen.includes(below), `${folder} → ${below}`);
    seen.push(folder);
  }
});

/**
 * For each folder, at whatever depth, the folders whose values its files import when they are loaded. Types are left out, as they are
 * gone at run time, and what is loaded only where it is needed.
 */
function valueImports(): ReadonlyMap<string, ReadonlySet<string>> {
  const graph = new Map<string, Set<string>>();
  for (const file of files) {
    if (file.endsWith(".test.ts") || file.startsWith(`${testOnlyFolder}/`)) continue;
    const folder = dirname(file);
    const targets = graph.get(folder) ?? new Set();
    graph.set(folder, targets);
    const text = readFileSync(join(src, file), "utf8").replaceAll(/^(?:import|export) type [^;]*;/gm, "");
    for (const specifier of staticSpecifiers(text)) {
      if (!specifier.startsWith("#")) continue;
      const target = dirname(specifier.slice(1));
      if (target !== folder) targets.add(target);
    }
  }
  return graph;
}

/** The folders on a way from one folder back to itself; empty where there is none. */
function circleFrom(start: string, graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const cameFrom = new Map<string, string>();
  const open = [start];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const target of graph.get(folder) ?? []) {
      if (target === start) {
        const way = [folder];
        for (let before = folder; before !== start; way.unshift(before)) before = cameFrom.get(before) ?? start;
        return way;
      }
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, folder);
      open.push(target);
    }
  }
  return [];
}

test("folders inside a folder import each other in one direction only", () => {
  const graph = valueImports();
  assert.ok((graph.get("keys/copies")?.size ?? 0) > 0, "no imports were found");
  const circles = [...graph.keys()].map((folder) => circleFrom(folder, graph)).filter((way) => way.length > 0);
  assert.deepEqual(circles, []);
});

test("a circle of folders is found", () => {
  const graph = new Map([
    ["a", new Set(["b", "d"])],
    ["b", new Set(["c"])],
    ["c", new Set(["a"])],
    ["d", new Set<string>()],
  ]);
  assert.deepEqual(circleFrom("a", graph), ["a", "b", "c"]);
  assert.deepEqual(circleFrom("d", graph), []);
});

const page = readFileSync(join(src, "../docs/architecture.md"), "utf8");

/** The first and the second cell of each row of a table of docs/architecture.md, found by the beginning of its header. */
function rowsOfPage(header: RegExp): readonly (readonly [string, string])[] {
  const [, after = ""] = page.split(header);
  const [table = ""] = after.split("\n\n");
  return [...table.matchAll(/^\| `(\w+)` +\| (.*) \|$/gm)].map(([, folder = "", cell = ""]) => [folder, cell]);
}

test("docs/architecture.md names every folder of src, in the order of the layer table", () => {
  const named = rowsOfPage(/^\| folder +\| holds/m).map(([folder]) => folder);
  assert.deepEqual(named, [...Object.keys(layers), testOnlyFolder]);
});

test("docs/architecture.md names the folders inside each folder, each after those that it imports values of", () => {
  const named = rowsOfPage(/^\| folder +\| its folders/m).flatMap(([folder, cell]) => {
    const [inner = ""] = cell.split(";");
    return [...inner.matchAll(/`([\w-]+)`/g)].map(([, name = ""]) => `${folder}/${name}`);
  });
  const graph = valueImports();
  const there = [...graph.keys()].filter((folder) => folder.split("/").length === 2);
  assert.deepEqual(named.toSorted(), there.toSorted());
  const early = named.flatMap((folder, index) =>
    [...(graph.get(folder) ?? [])]
      .filter((target) => named.indexOf(target) > index)
      .map((target) => `${folder} → ${target}`),
  );
  assert.deepEqual(early, []);
});
