import assert from "node:assert/strict";
import { test } from "node:test";

import { FROZEN_AFTER_RECOVERY, FROZEN_ELSEWHERE, FROZEN_PUT_BACK, whatThaws } from "#policy/frozen.ts";

test("what ends it is said by the reason: a command that a person types, or that nothing does", () => {
  assert.match(whatThaws(FROZEN_AFTER_RECOVERY), /^`lockstep check --all` ends it.*`lockstep vault retire`/);
  assert.match(whatThaws(`${FROZEN_PUT_BACK}: the vault v has a receipt`), /`lockstep audit accept`.*key-side\.md/);
  assert.match(whatThaws(`${FROZEN_ELSEWHERE}: epoch 2 was claimed`), /^Nothing ends it: use the key store that was/);
  assert.equal(whatThaws("a later program knows why"), "docs/keys.md says what ends it.");
});
