import assert from "node:assert/strict";
import { test } from "node:test";

import { KIT_CHECK_MS, whyStale } from "#keys/kit/kits.ts";
import type { Kit, KitSurroundings } from "#keys/kit/kits.ts";

const kit: Kit = {
  id: "cfd032fe",
  createdMs: 0,
  threshold: 1,
  custodians: ["anna"],
  identities: ["1", "2"],
  recipient: "age1",
  vaults: ["v1"],
  checkedMs: 1000,
};
const now: KitSurroundings = { nowMs: 2000, identities: ["2", "1"], vaults: [{ id: "v1", name: "main" }] };

const unopened = (name: string): string =>
  `it was not seen to open ${name}: \`lockstep vault enrol --kit\` lets it; then check it`;

test("each thing that makes a kit stale is named, the gravest first", () => {
  const cases: readonly (readonly [Partial<Kit>, Partial<KitSurroundings>, string | null])[] = [
    [{}, {}, null],
    [{ checkedMs: null }, {}, "it was never checked: `lockstep kit check`"],
    [{}, { nowMs: 1000 + KIT_CHECK_MS - 1 }, null],
    [{}, { nowMs: 1000 + KIT_CHECK_MS }, "it was not checked for 12 months: `lockstep kit check`"],
    [{}, { identities: ["1"] }, "the custodians changed since it was made: `lockstep kit create` makes a new one"],
    [
      {},
      { identities: ["1", "2", "3"] },
      "the custodians changed since it was made: `lockstep kit create` makes a new one",
    ],
    [{}, { vaults: [...now.vaults, { id: "v2", name: "branch" }] }, unopened("branch")],
    [{ vaults: ["v1", "v2"] }, {}, null],
    [{ checkedMs: null, vaults: [] }, {}, unopened("main")],
  ];
  for (const [change, surroundings, expected] of cases) {
    assert.equal(whyStale({ ...kit, ...change }, { ...now, ...surroundings }), expected);
  }
});
