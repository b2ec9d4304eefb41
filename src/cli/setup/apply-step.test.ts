import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { applyStep, stepText } from "#cli/setup/apply-step.ts";

test("a file is written as a whole, for all to read", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-step-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "unit");
  for (const text of ["first\n", "second\n"]) {
    await applyStep({ why: "a unit", act: { kind: "write", path, text } });
    assert.equal(readFileSync(path, "utf8"), text);
  }
  assert.equal(statSync(path).mode & 0o777, 0o644);
});

test("what fails says what it was, in whose words, and what for", async () => {
  const step = { why: "a folder", act: { kind: "run", words: ["mkdir", "/proc/none"] } } as const;
  await assert.rejects(applyStep(step), {
    code: "SYSTEM_CALL_FAILED",
    message: /^mkdir \/proc\/none failed: mkdir: .*\/proc\/none/,
    hint: /^It was for this: a folder\. /,
  });
  const missing = { why: "", act: { kind: "run", words: ["no-such-program"] } } as const;
  await assert.rejects(applyStep(missing), { code: "SYSTEM_CALL_FAILED", message: /ENOENT/ });
});

test("a step is shown as a shell would take it", () => {
  const shown = (...words: readonly [string, ...string[]]): string => stepText({ kind: "run", words });
  assert.equal(shown("install", "-d", "-m", "0700", "/var/lib/a"), "install -d -m 0700 /var/lib/a");
  assert.equal(shown("mkdir", "/it's here", ""), String.raw`mkdir '/it'\''s here' ''`);
  assert.equal(stepText({ kind: "write", path: "/etc/a", text: "" }), "write /etc/a");
});
