import assert from "node:assert/strict";
import { test } from "node:test";

import { errorLines, reportOf } from "#cli/output/errors.ts";
import { LockstepError } from "#errors/errors.ts";

test("a failure that is meant says what failed and what to do next, and nothing of the code's inside", () => {
  const error = new LockstepError("STORE_FULL", "writing a segment to /backup failed: no space", {
    hint: "Free space.",
    cause: new Error("ENOSPC"),
  });
  const report = reportOf(error);
  assert.equal(report.exitCode, 75);
  assert.deepEqual(errorLines(report), [
    "error: writing a segment to /backup failed: no space [STORE_FULL]",
    "  hint: Free space.",
  ]);
});

test("each kind has its exit code", () => {
  assert.equal(reportOf(new LockstepError("ARGUMENT_INVALID", "")).exitCode, 64);
  assert.equal(reportOf(new LockstepError("BLOCK_DAMAGED", "")).exitCode, 65);
  assert.equal(reportOf(new LockstepError("PASSPHRASE_REJECTED", "")).exitCode, 77);
});

test("anything else is a bug, with its stack and the stacks of its causes", () => {
  const report = reportOf(new TypeError("x is not a function", { cause: new RangeError("too far") }));
  assert.equal(report.exitCode, 70);
  const lines = errorLines(report);
  assert.equal(lines[0], "error: this is a bug in Lockstep: TypeError: x is not a function [BUG]");
  assert.ok(lines.some((line) => line.includes("errors.test.ts")));
  assert.ok(lines.includes("  caused by RangeError: too far"));
  assert.match(lines.at(-1) ?? "", /^ {2}hint: Please report it/);
  assert.equal(reportOf("thrown text").message, "this is a bug in Lockstep: thrown text");
});

test("a property of an error that is a bug is not shown", () => {
  const error = Object.assign(new Error("failed"), { passphrase: "correct horse" });
  assert.doesNotMatch(errorLines(reportOf(error)).join("\n"), /correct horse/);
});

test("a signal's abort is no bug", () => {
  const controller = new AbortController();
  controller.abort();
  assert.throws(
    () => controller.signal.throwIfAborted(),
    (error) => {
      const { code, exitCode } = reportOf(error);
      assert.deepEqual({ code, exitCode }, { code: "CANCELLED", exitCode: 130 });
      return true;
    },
  );
});
