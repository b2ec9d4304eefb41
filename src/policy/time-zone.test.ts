import assert from "node:assert/strict";
import { test } from "node:test";

import { parseTimeZone } from "#policy/time-zone.ts";

test("a zone is known by its name, and comes back in its usual spelling", () => {
  assert.equal(parseTimeZone("Europe/Berlin"), "Europe/Berlin");
  assert.equal(parseTimeZone("utc"), "UTC");
});

test("what is not a name is refused, a fixed offset too", () => {
  for (const text of ["", "Mars/Olympus", "+01:00", "-5", " UTC", "Europe/Berlin[u-ca=japanese]"]) {
    assert.throws(() => parseTimeZone(text), { code: "ARGUMENT_INVALID" }, text);
  }
});
