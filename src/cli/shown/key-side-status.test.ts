import assert from "node:assert/strict";
import { test } from "node:test";

import { keySideNeeds } from "#cli/shown/key-side-status.ts";
import type { KeySideStatus } from "#cli/shown/key-side-status.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";

const id = "a".repeat(32);
const at = "2026-11-23T14:05:00Z";

type Facts = NonNullable<KeySideStatus["facts"]>;

const facts: Facts = {
  store: {
    id,
    createdAt: at,
    epoch: 1,
    frozen: null,
    sealed: false,
    seals: [],
    signingKey: "",
    proofIntervalDays: 7,
    keys: 1,
    versions: 1,
    custodians: 1,
    user: "keys",
  },
  copies: { epoch: 1, domains: 2, places: [], damaged: [] },
  kit: { id: "0".repeat(8), createdAt: at, threshold: 1, custodians: ["A"], vaults: [id], checkedAt: at, stale: null },
  alarms: [],
};

function needs(change: Partial<Facts>): readonly string[] {
  return keySideNeeds({ state: "open", why: null, facts: { ...facts, ...change } });
}

test("a key side that is well needs nobody, and neither does one that is not there", () => {
  assert.deepEqual(needs({}), []);
  assert.deepEqual(keySideNeeds({ state: "none", why: null, facts: null }), []);
});

test("whatever is not well about it is said by itself", () => {
  const { store, copies, kit } = facts;
  assert.ok(kit !== null);
  const place = {
    id,
    place: "/mnt/a",
    domain: "a",
    addedAt: at,
    newest: null,
    complete: false,
    copies: 0,
    sizeBytes: 0,
  };
  const alarm = { alarm: id, vault: id, vaultName: "v", machine: id, machineName: "web01", raisedAt: at };
  const cases: readonly (readonly [Partial<Facts>, RegExp])[] = [
    [{ store: { ...store, sealed: true } }, /^the key store is sealed/],
    [
      { store: { ...store, frozen: FROZEN_AFTER_RECOVERY } },
      /^the key store is frozen: it was recovered, .*`lockstep check --all`/,
    ],
    [{ copies: { ...copies, domains: 1 } }, /^1 of 2 places .*`lockstep place add FOLDER --domain NAME`/],
    [
      { copies: { ...copies, places: [{ ...place, failure: "full", keepsSince: null }] } },
      /copy in \/mnt\/a: full; `lockstep copy make`/,
    ],
    [{ kit: null }, /^there is no kit/],
    [{ kit: { ...kit, stale: "it was never checked: how" } }, /^the kit is stale: it was never checked: how$/],
    [
      { alarms: [{ ...alarm, missing: 12, points: 30 }] },
      /^12 of 30 points of web01 fell out of its reports, or are to go much sooner: `lockstep alarm list`$/,
    ],
  ];
  for (const [change, words] of cases) {
    const [only, another] = needs(change);
    assert.match(only ?? "", words);
    assert.equal(another, undefined);
  }
});

test("one that cannot be asked is said with why", () => {
  const said = keySideNeeds({ state: "unreachable", why: "nobody answers", facts: null });
  assert.deepEqual(said, ["the key side cannot be asked: nobody answers"]);
});
