import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { httpStatus } from "#api/http-status.ts";

test("docs/key-side.md has the status of every kind", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/key-side.md"), "utf8");
  const rows = [...page.matchAll(/^\| (\w+) +\| (\d{3}) +\|$/gm)].map(([, kind, status]) => [kind, Number(status)]);
  assert.deepEqual(Object.fromEntries(rows), httpStatus);
});
