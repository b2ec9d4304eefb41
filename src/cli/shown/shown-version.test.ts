import assert from "node:assert/strict";
import { test } from "node:test";

import { versionState } from "#cli/shown/shown-version.ts";

const now = Temporal.Instant.from("2026-06-15T00:00Z");
const fresh = {
  enabled: true,
  activatesAt: null,
  expiresAt: null,
  retiredAt: null,
  compromisedAt: null,
  deletedAt: null,
  destroyedAt: null,
  damagedAt: null,
};
const past = "2026-01-01T00:00:00Z";
const future = "2027-01-01T00:00:00Z";

test("the first word says whether a version can be used", () => {
  assert.equal(versionState(fresh, now), "usable");
  assert.equal(versionState({ ...fresh, enabled: false }, now), "disabled");
  assert.equal(versionState({ ...fresh, activatesAt: future }, now), "not active until 2027-01-01");
  assert.equal(versionState({ ...fresh, activatesAt: past }, now), "usable");
  assert.equal(versionState({ ...fresh, deletedAt: past, enabled: false }, now), "deleted 2026-01-01");
  assert.equal(versionState({ ...fresh, deletedAt: past, destroyedAt: future }, now), "destroyed 2027-01-01");
  assert.match(versionState({ ...fresh, deletedAt: past, damagedAt: future }, now), /^damaged 2027-01-01$/);
});

test("what is to be known besides follows", () => {
  assert.equal(versionState({ ...fresh, expiresAt: future }, now), "usable, expires 2027-01-01");
  assert.equal(versionState({ ...fresh, expiresAt: past }, now), "usable, expired 2026-01-01");
  assert.equal(
    versionState({ ...fresh, retiredAt: past, compromisedAt: future }, now),
    "usable, retired 2026-01-01, compromised 2027-01-01",
  );
});
