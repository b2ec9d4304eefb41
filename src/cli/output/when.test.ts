import assert from "node:assert/strict";
import { test } from "node:test";

import { dayOf, parseWhen, parseWhenOrNever } from "#cli/output/when.ts";

test("a day begins at midnight in UTC", () => {
  assert.equal(parseWhen("2033-12-31"), "2033-12-31T00:00:00Z");
  assert.equal(parseWhenOrNever("2033-12-31"), "2033-12-31T00:00:00Z");
  assert.equal(dayOf("2033-12-31T00:00:00Z"), "2033-12-31");
});

test("an instant is told in UTC", () => {
  assert.equal(parseWhen("2033-12-31T18:00+01:00"), "2033-12-31T17:00:00Z");
});

test("never is no instant", () => {
  assert.equal(parseWhenOrNever("never"), null);
  assert.throws(() => parseWhen("never"), { code: "ARGUMENT_INVALID" });
});

test("what is neither is refused", () => {
  for (const text of ["", "tomorrow", "31.12.2033", "2033-13-01", "2033-12-31T18:00"]) {
    assert.throws(() => parseWhen(text), { code: "ARGUMENT_INVALID" }, text);
  }
});
