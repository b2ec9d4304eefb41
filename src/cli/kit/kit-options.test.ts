import assert from "node:assert/strict";
import { test } from "node:test";

import { parseKitOptions } from "#cli/kit/kit-options.ts";

test("one custodian is enough alone; of several, two are needed, unless it is said", () => {
  assert.deepEqual(parseKitOptions({}), { custodians: ["custodian"], threshold: 1 });
  assert.deepEqual(parseKitOptions({ custodians: "anna" }), { custodians: ["anna"], threshold: 1 });
  assert.deepEqual(parseKitOptions({ custodians: "anna, 陈" }), { custodians: ["anna", "陈"], threshold: 2 });
  const three = { custodians: "anna,boris,chen" };
  assert.equal(parseKitOptions(three).threshold, 2);
  assert.equal(parseKitOptions({ ...three, threshold: "3" }).threshold, 3);
  assert.equal(parseKitOptions({ ...three, threshold: "1" }).threshold, 1);
});

test("names that are empty or there twice, and thresholds that cannot be, are refused", () => {
  for (const custodians of ["", ",", "anna,", "anna,anna", "anna, anna"]) {
    assert.throws(() => parseKitOptions({ custodians }), { code: "ARGUMENT_INVALID" }, custodians);
  }
  for (const threshold of ["0", "3", "-1", "1.5", "two", ""]) {
    assert.throws(
      () => parseKitOptions({ custodians: "anna,boris", threshold }),
      { code: "ARGUMENT_INVALID" },
      threshold,
    );
  }
});
