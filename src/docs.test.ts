import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const project = join(import.meta.dirname, "..");
const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: project })].sort();

function textOf(page: string): string {
  return readFileSync(join(project, page), "utf8");
}

/** A page without its code, in which nothing is a link or a heading. */
function proseOf(page: string): string {
  return textOf(page)
    .replaceAll(/^```.*?^```/gms, "")
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));
}

/** The anchor that GitHub gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function anchorsOf(page: string): ReadonlySet<string> {
  return new Set([...proseOf(page).matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading)));
}

/** The relative links of a page, as paths from the project's root; a link within the page names the page. */
function linksOf(page: string): { readonly path: string; readonly anchor: string | undefined }[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", anchor] = target.split("#");
      return { path: path === "" ? page : join(dirname(page), path), anchor };
    });
}

test("every relative link of README.md and docs/ leads to a file that is there, and to a heading of it", () => {
  const broken: string[] = [];
  assert.ok(
    linksOf("docs/restoring.md").some(({ anchor }) => anchor !== undefined),
    "a link to a heading is found",
  );
  for (const page of pages) {
    for (const { path, anchor } of linksOf(page)) {
      const isThere = existsSync(join(project, path));
      const isWhole = isThere && (anchor === undefined || anchorsOf(path).has(anchor));
      if (!isWhole) broken.push(`${page}: ${path}${anchor === undefined ? "" : `#${anchor}`}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("every page of docs/ is reached from README.md by links", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    for (const { path } of linksOf(page))
      if (path.endsWith(".md") && existsSync(join(project, path))) reached.add(path);
  }
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  );
});

test("every path of this project that a page names in code is there", () => {
  const missing: string[] = [];
  for (const page of pages) {
    for (const [, path = ""] of textOf(page).matchAll(/`((?:src|e2e|bench|demo|docs|scripts|system)\/[\w.*/-]+)`/g)) {
      if (globSync(path, { cwd: project }).length === 0) missing.push(`${page}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

test("every `*.test.ts` that a page names is there", () => {
  const tests = new Set(globSync("{src,e2e}/**/*.test.ts", { cwd: project }).map((path) => path.split("/").at(-1)));
  const missing: string[] = [];
  for (const page of pages) {
    for (const [, name = ""] of textOf(page).matchAll(/`([\w-]+\.test\.ts)`/g)) {
      if (!tests.has(name)) missing.push(`${page}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
});
