import assert from "node:assert/strict";
import { test } from "node:test";

import { addHold, holdsOf, releaseHold } from "#keys/needs/holds.ts";
import { needsOf } from "#keys/needs/needs.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { QUARANTINE_DAYS, RETIRED_DAYS } from "#keys/vaults/quarantine.ts";
import { NeedsWorld, idOf, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";
import type { WorldPoint } from "#testing/keys/needs-world.ts";

const root = worldVolume("root", "slot 0", "slot 1");

test("a version that nothing ever had to do with needs no keeping", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  assert.deepEqual([needsOf(world.store, version), world.refusal(version)], [[], null]);
});

test("only the version that is bound to a point's very protector and volume is needed by it", async () => {
  using world = await NeedsWorld.make();
  const [mine, other, elsewhere] = [world.version("web01"), world.version("web01"), world.version("db01")];
  world.bind(mine, root, "slot 0");
  world.bind(other, root, "slot 7");
  world.bind(elsewhere, worldVolume("another root"), "slot 0");
  world.report([worldPoint("web01@1", [root])]);
  assert.deepEqual(
    [mine, other, elsewhere].map((version) => world.refusal(version)),
    ["1 recovery point needs it, expected until 2033-12-31", null, null],
  );
});

test("points are counted once, with the latest date, and listed with those first that stay longest", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  world.bind(version, root, "slot 0");
  world.bind(version, root, "slot 1");
  const both = [root, { ...root, volume: "copy" }];
  world.report([
    worldPoint("web01@1", both, "2030-05-05T00:00Z"),
    worldPoint("web01@2", both, "2031-06-06T00:00Z"),
    worldPoint("web01@3", both, "2029-04-04T00:00Z"),
  ]);
  assert.equal(world.refusal(version), "3 recovery points need it, expected until 2031-06-06");
  assert.deepEqual(
    needsOf(world.store, version).map(({ kind, what, vault, point }) => [kind, what, vault, point]),
    ["web01@2", "web01@1", "web01@3"].map((name) => ["point", name, idOf("vault"), idOf(name)]),
  );
  world.report([worldPoint("web01@1", both, null), worldPoint("web01@2", both, "2031-06-06T00:00Z")]);
  assert.equal(
    world.refusal(version),
    "2 recovery points need it, until somebody deletes them; 1 recovery point that no report has any more needs it for 44 counted days more",
  );
});

test("of very many points a thousand are listed, and all are counted", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  world.bind(version, root, "slot 0");
  world.report(Array.from({ length: 1200 }, (_, i) => worldPoint(`web01@${i}`, [root])));
  assert.equal(needsOf(world.store, version).length, 1000);
  assert.match(world.refusal(version) ?? "", /^1200 recovery points need it/);
});

test("a live volume needs its version until the binding is retired", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  const { id } = world.bind(version, root, "slot 0", { live: true });
  assert.equal(world.refusal(version), "it opens the volume root of web01's disk disk, as far as is known");
  assert.deepEqual(
    needsOf(world.store, version).map(({ kind, what }) => [kind, what]),
    [["live volume", "the volume root of web01's disk disk"]],
  );
  world.store.db.prepare("UPDATE bindings SET retired_ms = 1 WHERE id = ?").run(id);
  assert.equal(world.refusal(version), null);
  world.bind(version, { ...root, volume: "disk" }, "slot 0", { live: true });
  assert.equal(
    world.refusal(version),
    "it opens web01's disk disk, as far as is known",
    "all of the disk is the volume",
  );
});

test("a retired version is kept for 90 days on which the key side runs, and no clock shortens that", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  world.run();
  world.leap(-10_000); // the clock is wrong when it is retired, and put right after
  world.retireVersion(version);
  world.leap(10_000);
  world.run();
  assert.equal(world.refusal(version), "it was retired lately and is kept for 90 counted days more");
  world.leap(5000);
  world.run();
  assert.equal(world.refusal(version), "it was retired lately and is kept for 89 counted days more");
  for (let day = 2; day < RETIRED_DAYS; day++) {
    world.reportDays(1, []);
    assert.notEqual(world.refusal(version), null);
  }
  world.reportDays(1, []);
  assert.equal(world.refusal(version), null);
});

const kinds: readonly [kind: ValueKind, fits: string][] = [
  ["passphrase", "luks1 luks2 bitlocker"],
  ["key-file", "luks1 luks2"],
  ["recovery-password", "bitlocker"],
  ["startup-key", "bitlocker"],
];
for (const [kind, fits] of kinds) {
  test(`a ${kind} that was not tried on a volume that nothing opens is needed where it could fit: ${fits}`, async () => {
    using world = await NeedsWorld.make();
    const version = world.version("web01", kind);
    for (const format of ["luks1", "luks2", "bitlocker"] as const) {
      world.report([worldPoint(`web01@${format}`, [{ ...root, format }])], { machine: format });
      const fitting = fits.split(" ").includes(format);
      assert.equal(world.refusal(version) !== null, fitting, format);
      world.reportDays(QUARANTINE_DAYS + 1, [], { machine: format });
      assert.equal(world.refusal(version), null);
    }
  });
}

test("an untried version is needed until it was tried on every protector, or something opens the volume", async () => {
  using world = await NeedsWorld.make();
  const [tried, untried, fitting] = [world.version("a"), world.version("b"), world.version("c")];
  const refusals = (): (string | null)[] => [tried, untried, fitting].map((version) => world.refusal(version));
  const needed = "nothing opens 1 volume of recovery points, and it was not tried there";
  world.report([worldPoint("web01@1", [root]), worldPoint("web01@2", [root])]);
  assert.deepEqual(refusals(), [needed, needed, needed]);
  world.tried(tried, worldVolume("root", "slot 0"));
  assert.deepEqual(refusals(), [needed, needed, needed]);
  world.tried(tried, root);
  assert.deepEqual(refusals(), [null, needed, needed]);
  world.bind(fitting, root, "slot 1");
  assert.deepEqual(refusals(), [null, null, "2 recovery points need it, expected until 2033-12-31"]);
  // Only something that was destroyed opens it: the others count again.
  world.store.db.prepare("UPDATE versions SET destroyed_ms = 1 WHERE id = ?").run(fitting.id);
  assert.deepEqual(refusals().slice(0, 2), [null, needed]);
  world.report([worldPoint("web01@1", [root]), worldPoint("web01@3", [worldVolume("third", "slot 0")])]);
  assert.equal(world.refusal(untried), needed.replace("1 volume", "2 volumes"));
});

test("a volume without a protector has nothing that could be tried", async () => {
  using world = await NeedsWorld.make();
  world.report([worldPoint("web01@1", [worldVolume("root")])]);
  assert.equal(world.refusal(world.version("web01")), null);
});

test("what a backup side says of other headers makes no untried version destroyable before the quarantine is over", async () => {
  using world = await NeedsWorld.make();
  const [version, bound] = [world.version("a"), world.version("b")];
  const closed = worldVolume("root", "slot 1");
  world.bind(bound, root, "slot 0");
  world.report([worldPoint("web01@1", [closed])]);
  assert.notEqual(world.refusal(version), null);
  world.reportDays(QUARANTINE_DAYS, [worldPoint("web01@1", [root])]); // it is said to have a protector that is bound
  assert.notEqual(world.refusal(version), null);
  world.reportDays(1, [worldPoint("web01@1", [root])]);
  assert.equal(world.refusal(version), null);
});

test("a hold needs its version until it is released, whatever its date says", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const version = world.version("web01");
  const given = { version: version.id, why: "tapes in Bern", heldBy: "anna", expectedUntilMs: 0 };
  const { id } = inTransaction(store.db, () => addHold(store, given));
  world.leap(10_000);
  assert.equal(world.refusal(version), "anna holds it, expected until 1970-01-01: tapes in Bern");
  assert.deepEqual(
    needsOf(store, version).map(({ kind, what, hold }) => [kind, what, hold]),
    [["hold", "tapes in Bern", id]],
  );
  inTransaction(store.db, () => releaseHold(store, id));
  assert.deepEqual([world.refusal(version), holdsOf(store, version.id)], [null, []]);
  assert.throws(() => releaseHold(store, id), { code: "NAME_UNKNOWN" });
});

test("a silent vault blocks all destruction until it reports, or is retired", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  const point: WorldPoint = worldPoint("web01@1", []);
  world.report([point]);
  world.runDays(7);
  assert.equal(world.refusal(version), null);
  world.runDays(1);
  assert.equal(
    world.refusal(version),
    "what the vault vault holds is not known: it has not reported for 8 counted days",
  );
  assert.deepEqual(
    needsOf(world.store, version).map(({ kind, vault }) => [kind, vault]),
    [["silent vault", idOf("vault")]],
  );
  world.report([point]);
  assert.equal(world.refusal(version), null);
  world.runDays(8);
  world.retire("vault");
  assert.equal(world.refusal(version), null);
});
