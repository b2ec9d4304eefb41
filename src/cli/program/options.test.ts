import assert from "node:assert/strict";
import { test } from "node:test";

import { approvalId, idParser, parseEvery, parseExpectation, parsePath, parseReason } from "#cli/program/options.ts";

test("an interval is minutes, hours or days", () => {
  const known = { "90m": 1.5, "24h": 24, "7d": 168, "0.5 h": 0.5, "1M": 1 / 60, "366d": 8784 };
  for (const [text, hours] of Object.entries(known)) assert.equal(parseEvery(text), hours, text);
  for (const wrong of ["", "24", "h", "-1h", "0h", "0.5m", "367d", "1w", "1e3h", "24h!"]) {
    assert.throws(() => parseEvery(wrong), { code: "ARGUMENT_INVALID" }, wrong);
  }
});

test("an expected entry is a number and a hash, as they are shown, or any", () => {
  const hash = "ab".repeat(32);
  assert.deepEqual(parseExpectation(`17:${hash}`), { seq: 17, hash });
  assert.equal(parseExpectation("any"), "any");
  for (const wrong of ["", "17", `0:${hash}`, `17:${hash}0`, `17:${hash.toUpperCase()}`, `x:${hash}`, "all"]) {
    assert.throws(() => parseExpectation(wrong), { code: "ARGUMENT_INVALID" }, wrong);
  }
});

test("an empty path, and a reason that the log would not take, are refused", () => {
  assert.equal(parsePath("."), ".");
  assert.throws(() => parsePath(""), { code: "ARGUMENT_INVALID" });
  assert.equal(parseReason("taken by mistake: größer"), "taken by mistake: größer");
  assert.equal(parseReason("x".repeat(1024)).length, 1024);
  for (const wrong of ["x".repeat(1025), "two\nlines", "\u001b[31mred"]) {
    assert.throws(() => parseReason(wrong), { code: "ARGUMENT_INVALID" }, wrong);
  }
});

test("what is no id is refused with what it is the id of, and with what shows it", () => {
  const holdId = idParser({ of: "a hold", shownBy: "`lockstep key needed-by VERSION` has them." });
  assert.equal(holdId("0f".repeat(16)), "0f".repeat(16));
  for (const wrong of ["", "web01/v1", "0f3e", "0F".repeat(16), "0f".repeat(17)]) {
    assert.throws(() => holdId(wrong), {
      code: "ARGUMENT_INVALID",
      message: `"${wrong}" is not the id of a hold`,
      hint: /key needed-by/,
    });
  }
  assert.equal(approvalId("0f3e"), "0f3e");
  assert.throws(() => approvalId("0f3"), { hint: /approval list/ });
});
