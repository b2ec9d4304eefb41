import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

import { layers, testOnlyFolder } from "#layers.ts";

const src = import.meta.dirname;
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

/**
 * Every module specifier in a source text: static, dynamic and re-exporting imports, and worker entry points. Statements start
 * at a line's start, so that text which merely speaks of one is none.
 */
function specifiers(text: string): string[] {
  const statements = text.matchAll(/^(?:import|(?:import|export)\b[^;="'`]*?\bfrom)\s*"([^"]+)"/gm);
  const dynamic = text.matchAll(/\bimport\(\s*"([^"]+)"/g);
  const urls = text.matchAll(/new URL\("([^"]+\.ts)", import\.meta\.url\)/g);
  return [...statements, ...dynamic, ...urls].map((match) => match[1] ?? "");
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
