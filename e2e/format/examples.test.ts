import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { jsonOf, pythonOr } from "./python.ts";

const pages = join(import.meta.dirname, "../../docs/format");

test("another program computes the same example values from what the pages say", (t) => {
  const python = pythonOr(t, ["cryptography", "zstandard"]);
  if (python === null) return;
  const { compared, leftOut } = jsonOf(python("examples.py", pages)) as { compared: string[]; leftOut: string[] };
  for (const what of leftOut) console.error(`NOT TESTED: ${what}`);
  assert.ok(compared.length >= 60 - leftOut.length, `only ${compared.length} values were found in the pages`);
});
