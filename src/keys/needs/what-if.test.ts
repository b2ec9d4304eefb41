import assert from "node:assert/strict";
import { test } from "node:test";

import { addHold } from "#keys/needs/holds.ts";
import { freedWithoutVault, needsWithoutHold } from "#keys/needs/what-if.ts";
import { inTransaction } from "#keys/store/database.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";
import { NeedsWorld, idOf, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";

const root = worldVolume("root", "slot 0");
const shared = worldVolume("shared", "slot 0");
const unknown = worldVolume("unknown", "slot 0");
const elsewhere = { vault: "other", machine: "db01" };

/** What of a vault's versions is said to be freed when: names, those that are freed at once with a `!`. */
function freed({ store }: NeedsWorld, vault: string): string[] {
  return freedWithoutVault(store, idOf(vault)).map(({ version, atOnce }) => `${version.keyName}${atOnce ? "!" : ""}`);
}

/** A world in which `alone` is needed by the vault, `both` by another one too, `live` by its volume too, and `none` by nothing. */
async function twoVaults() {
  const world = await NeedsWorld.make();
  world.enrol("other");
  const [alone, both, live] = [world.version("alone"), world.version("both"), world.version("live")];
  const none = world.version("none");
  world.bind(alone, root, "slot 0");
  world.bind(live, root, "slot 0", { live: true });
  world.bind(both, shared, "slot 0");
  world.report([worldPoint("web01@1", [root, shared])]);
  world.report([worldPoint("db01@1", [shared])], elsewhere);
  return { world, versions: [alone, both, live, none] };
}

test("a vault alone keeps what neither other points nor anything else needs, and that comes true", async () => {
  const { world, versions } = await twoVaults();
  using _world = world;
  const neededBefore = versions.map((version) => world.refusal(version) !== null);
  assert.deepEqual(neededBefore, [true, true, true, false]);
  assert.deepEqual(freed(world, "vault"), ["alone"]);
  assert.deepEqual(freed(world, "other"), []);

  world.retire("vault");
  assert.deepEqual(freed(world, "vault"), ["alone"]); // it waits for the quarantine
  for (let day = 0; day < QUARANTINE_DAYS; day++) {
    world.runDays(1);
    world.report([worldPoint("db01@1", [shared])], elsewhere);
  }
  const needed = versions.map((version) => world.refusal(version) !== null);
  assert.deepEqual(needed, [false, true, true, false]);
});

test("what only a vault's silence keeps is freed at once, and what its points need is not", async () => {
  const { world, versions } = await twoVaults();
  using _world = world;
  for (let day = 0; day < 8; day++) {
    world.runDays(1);
    world.report([worldPoint("db01@1", [shared])], elsewhere);
  }
  assert.deepEqual(freed(world, "vault"), ["alone", "none!"]);
  world.retire("vault");
  const needed = versions.map((version) => world.refusal(version) !== null);
  assert.deepEqual(needed, [true, true, true, false]);
});

test("a volume that nothing opens keeps what was not tried on it as long as a vault has it", async () => {
  using world = await NeedsWorld.make();
  world.enrol("other");
  world.version("web01");
  world.report([worldPoint("web01@1", [unknown])]);
  assert.deepEqual(freed(world, "vault"), ["web01"]);
  world.report([worldPoint("db01@1", [unknown])], elsewhere);
  assert.deepEqual([freed(world, "vault"), freed(world, "other")], [[], []]);
});

test("without one hold the others still hold", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  const hold = (why: string) =>
    inTransaction(world.store.db, () =>
      addHold(world.store, { version: version.id, why, heldBy: "anna", expectedUntilMs: null }),
    );
  const first = hold("tape 17");
  world.leap(1); // they are listed by age
  const second = hold("tape 18");
  const left = needsWithoutHold(world.store, first.id);
  assert.deepEqual(
    [left.version.id, left.needs.map((need) => need.hold), left.refusal],
    [version.id, [second.id], "anna holds it: tape 18"],
  );
  assert.equal(world.refusal(version), "anna holds it: tape 17; anna holds it: tape 18");
  assert.throws(() => needsWithoutHold(world.store, idOf("none")), { code: "NAME_UNKNOWN" });
});
