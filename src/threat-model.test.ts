import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const project = join(import.meta.dirname, "..");
const page = readFileSync(join(project, "docs/threat-model.md"), "utf8");

/** Of whom the page has to say what he cannot do. */
const actors = [
  "The storage owner",
  "A backup operator",
  "A backup host that was taken over",
  "One custodian of several",
  "A guest",
  "The owner of another guest",
  "A thief of a boot disk",
  "A wrong clock",
  "A key store of before a recovery",
];

/** The cells of each row of a section's tables. */
function rows(section: string): readonly (readonly string[])[] {
  return section
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (cannot|--)/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

test("docs/threat-model.md says of each actor what it cannot do, and each test that it names is there", () => {
  const sections = page.split(/^###? /m);
  const missing: string[] = [];
  for (const actor of actors) {
    const section = sections.find((text) => text.startsWith(`${actor}\n`)) ?? assert.fail(`nothing of: ${actor}`);
    const found = rows(section);
    assert.ok(found.length >= 3, `too little of: ${actor}`);
    for (const [cannot, , shown = ""] of found) {
      const named = [...shown.matchAll(/`([^`]+)`: ([^;]+)/g)];
      if (named.length === 0) missing.push(`${actor} cannot ${cannot}: no test`);
      for (const [, path = "", title = ""] of named) {
        const file = join(project, path);
        const isThere = existsSync(file) && readFileSync(file, "utf8").includes(`test("${title.trim()}`);
        if (!isThere) missing.push(`${path}: ${title}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});
