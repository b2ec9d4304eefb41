import assert from "node:assert/strict";
import { test } from "node:test";

import { openAlarms } from "#keys/audit/alarms.ts";
import { needsOf } from "#keys/needs/needs.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";
import { NeedsWorld, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";
import type { WorldPoint } from "#testing/keys/needs-world.ts";

const root = worldVolume("root", "slot 0", "slot 1");
const point = worldPoint("web01@1", [root]);
const another = worldPoint("web01@2", []);

/** A version that is bound to slot 0 of the volume `root`, and whose points alone need it. */
async function world() {
  const made = await NeedsWorld.make();
  const version = made.version("web01");
  made.bind(version, root, "slot 0");
  return { made, version };
}

/** Rows of all tables that speak of points. */
function rows({ store }: NeedsWorld): unknown {
  return ["points", "point_volumes", "headers", "header_protectors"].map((table) =>
    store.db.prepare(`SELECT * FROM ${table}`).all(),
  );
}

/** What needs the version: kinds and expected dates. */
function needs({ store }: NeedsWorld, version: Parameters<typeof needsOf>[1]): string[] {
  return needsOf(store, version).map(({ kind, what, expectedUntilMs }) => {
    const until =
      expectedUntilMs === null ? "-" : Temporal.Instant.fromEpochMilliseconds(expectedUntilMs).toString().slice(0, 10);
    return `${kind} ${what} ${until}`;
  });
}

test("a point needs what is bound to its protectors, at once, and the same report again changes nothing", async () => {
  const { made, version } = await world();
  using bench = made;
  assert.equal(bench.refusal(version), null);
  const first = bench.report([point, another]);
  assert.deepEqual([first.added, first.fallen, first.quarantined, first.freed], [2, 0, 0, 0]);
  assert.deepEqual(needs(bench, version), ["point web01@1 2033-12-31"]);
  const stored = rows(bench);
  bench.leap(1);
  const again = bench.report([another, point]);
  assert.deepEqual([again.added, again.returned, again.fallen, again.quarantined], [0, 0, 0, 0]);
  assert.deepEqual(rows(bench), stored);
});

test("a point that vanished needs its version for 44 counted days, and not after", async () => {
  const { made, version } = await world();
  using bench = made;
  bench.report([point, another]);
  bench.leap(1);
  assert.deepEqual(
    [bench.report([another]).fallen, needs(bench, version)],
    [1, ["quarantined point web01@1 2033-12-31"]],
  );
  for (let day = 1; day < QUARANTINE_DAYS; day++) {
    bench.leap(1);
    assert.equal(bench.report([another]).quarantined, 1);
    assert.match(bench.refusal(version) ?? "", new RegExp(`for ${QUARANTINE_DAYS - day} counted days? more`));
  }
  bench.leap(1);
  assert.equal(bench.report([another]).freed, 1);
  assert.equal(bench.refusal(version), null);
  assert.deepEqual(
    bench.store.db
      .prepare("SELECT name FROM points")
      .all()
      .map(({ name }) => name),
    ["web01@2"],
  );
  assert.deepEqual(bench.store.db.prepare("SELECT * FROM header_protectors").all(), []);
});

test("a point that comes back is out of quarantine, and waits anew when it vanishes again", async () => {
  const { made, version } = await world();
  using bench = made;
  bench.report([point]);
  bench.reportDays(QUARANTINE_DAYS, []);
  assert.match(bench.refusal(version) ?? "", /for 1 counted day more/);
  bench.leap(1);
  const back = bench.report([point]);
  assert.deepEqual([back.returned, back.quarantined, back.freed], [1, 0, 0]);
  assert.deepEqual(needs(bench, version), ["point web01@1 2033-12-31"]);
  bench.reportDays(QUARANTINE_DAYS, []);
  assert.match(bench.refusal(version) ?? "", /for 1 counted day more/);
});

test("days without a report of that machine free nothing, whoever else reports, and however far the clock goes", async () => {
  const { made, version } = await world();
  using bench = made;
  bench.report([point]);
  bench.leap(1);
  bench.report([]);
  bench.enrol("other");
  bench.reportDays(100, [], { machine: "db01" });
  bench.reportDays(100, [], { vault: "other" });
  bench.runDays(100);
  bench.leap(36_500);
  bench.report([]);
  assert.match(bench.refusal(version) ?? "", /needs it for 43 counted days more/);
});

test("another vault, or another machine, that has the same point frees nothing by losing it", async () => {
  const { made, version } = await world();
  using bench = made;
  bench.enrol("other");
  bench.report([point]);
  bench.report([point], { vault: "other" });
  for (let day = 0; day < 50; day++) {
    bench.leap(1);
    bench.report([point]);
    bench.report([], { vault: "other" });
  }
  assert.deepEqual(needs(bench, version), ["point web01@1 2033-12-31"]);
});

const shrunk: readonly [what: string, then: WorldPoint][] = [
  ["lost a volume", worldPoint("web01@1", [])],
  ["lost a protector", worldPoint("web01@1", [worldVolume("root", "slot 1")])],
  ["has another volume identity", worldPoint("web01@1", [worldVolume("other root", "slot 0", "slot 1")])],
  ["is said to be of another format", worldPoint("web01@1", [{ ...root, format: "bitlocker" }])],
];
for (const [what, then] of shrunk) {
  test(`a point that ${what} needs what it needed for the whole quarantine`, async () => {
    const { made, version } = await world();
    using bench = made;
    bench.report([point]);
    bench.leap(1);
    bench.report([then]);
    for (const volume of then.volumes) bench.tried(version, volume);
    const still = then.volumes[0]?.format === "bitlocker" ? "point" : "quarantined point";
    assert.deepEqual(needs(bench, version), [`${still} web01@1 2033-12-31`]);
    bench.reportDays(QUARANTINE_DAYS - 1, [then]);
    assert.notEqual(bench.refusal(version), null);
    bench.reportDays(1, [then]);
    assert.equal(bench.refusal(version) === null, still !== "point");
  });
}

test("a point that gained a protector needs its version too, and all at once", async () => {
  const { made, version } = await world();
  using bench = made;
  const before = worldVolume("root", "slot 1");
  bench.tried(version, before);
  bench.report([worldPoint("web01@1", [before])]);
  assert.equal(bench.refusal(version), null);
  bench.report([point]);
  assert.deepEqual(needs(bench, version), ["point web01@1 2033-12-31"]);
});

test("a volume that is given back and taken away each day never frees what it needs", async () => {
  const { made, version } = await world();
  using bench = made;
  for (let round = 0; round < 60; round++) {
    bench.reportDays(1, [point]);
    bench.reportDays(2, [worldPoint("web01@1", [])]);
  }
  assert.notEqual(bench.refusal(version), null);
});

test("a nearer forecast is shown after its quarantine, a later one at once", async () => {
  const { made, version } = await world();
  using bench = made;
  const until = (date: string | null): WorldPoint => worldPoint("web01@1", [root], date);
  bench.report([until(null)]);
  bench.reportDays(QUARANTINE_DAYS, [until("2030-01-01T00:00Z")]);
  assert.deepEqual(needs(bench, version), ["point web01@1 -"]);
  bench.reportDays(1, [until("2030-01-01T00:00Z")]);
  assert.deepEqual(needs(bench, version), ["point web01@1 2030-01-01"]);
  bench.report([until("2031-01-01T00:00Z")]);
  assert.deepEqual(needs(bench, version), ["point web01@1 2031-01-01"]);
});

test("an expected date that has passed frees nothing", async () => {
  const { made, version } = await world();
  using bench = made;
  bench.report([worldPoint("web01@1", [root], "1999-01-01T00:00Z")]);
  bench.leap(36_500);
  bench.report([worldPoint("web01@1", [root], "1999-01-01T00:00Z")]);
  assert.deepEqual(needs(bench, version), ["point web01@1 1999-01-01"]);
});

test("many points that fall on one day raise one alarm, also when they fall in several reports", async () => {
  using bench = await NeedsWorld.make();
  const points = Array.from({ length: 50 }, (_, i) => worldPoint(`web01@${i}`, []));
  bench.report(points);
  bench.leap(1);
  assert.equal(bench.report(points.slice(9)).alarm, null);
  bench.leap(1);
  assert.equal(bench.report(points.slice(15)).alarm, null);
  assert.equal(bench.report(points.slice(18)).alarm, null);
  assert.deepEqual(openAlarms(bench.store), []);
  assert.equal(bench.report(points.slice(19)).alarm === null, false);
  bench.report(points.slice(30));
  bench.report([...points.slice(30), worldPoint("web01@new", [])]);
  assert.deepEqual(
    openAlarms(bench.store).map(({ vaultName, machineName, missing, points: of }) => [
      vaultName,
      machineName,
      missing,
      of,
    ]),
    [["vault", "web01", 21, 41]],
  );
});

test("a point that is in a report twice refuses the report, and nothing of it counts", async () => {
  using bench = await NeedsWorld.make();
  assert.throws(() => bench.report([another, point, point]), {
    code: "ARGUMENT_INVALID",
    message: "reporting the points of web01: a point is in it twice",
  });
  assert.deepEqual(rows(bench), [[], [], [], []]);
});

test("headers are kept once, and as long as a point has them", async () => {
  using bench = await NeedsWorld.make();
  const count = (): unknown => bench.store.db.prepare("SELECT count(*) AS count FROM headers").get()?.["count"];
  bench.report([worldPoint("a", [root]), worldPoint("b", [root, { ...root, volume: "copy" }])]);
  assert.equal(count(), 1);
  bench.report([worldPoint("a", [root])]);
  bench.reportDays(QUARANTINE_DAYS, [worldPoint("a", [root])]);
  assert.equal(count(), 1);
  bench.reportDays(QUARANTINE_DAYS + 1, []);
  assert.equal(count(), 0);
});

/** Fifteen points that their keep rule lets go on a day, and as many that stay. */
function ruled(goes: string | null) {
  const named = (what: string, until: string | null) =>
    Array.from({ length: 15 }, (_, i) => worldPoint(`web01@${what} ${i}`, [], until));
  return { going: named("going", goes), staying: named("staying", "2033-12-31T12:00Z") };
}

test("points that go as their keep rule said raise no alarm, however many; those that were to stay do", async () => {
  using bench = await NeedsWorld.make();
  const { going, staying } = ruled("2026-01-08T12:00Z");
  bench.report([...going, ...staying]);
  bench.leap(7);
  const went = bench.report(staying);
  assert.deepEqual([went.fallen, went.alarm, openAlarms(bench.store)], [15, null, []]);
  bench.leap(1);
  assert.deepEqual(bench.report(staying.slice(10)).alarm, { missing: 10, points: 15 });
  assert.match(bench.refusal(bench.version("web01")) ?? "nothing needs it", /nothing needs it/);
});

test("a week before its date a point is not expected to go", async () => {
  using bench = await NeedsWorld.make();
  const { going, staying } = ruled("2026-01-08T12:00Z");
  bench.report([...going, ...staying]);
  assert.deepEqual(bench.report(staying).alarm, { missing: 15, points: 30 });
});

test("by a clock that was put back what goes in time alarms, since no other clock can be trusted more; set right, it alarms of nothing anew", async () => {
  using bench = await NeedsWorld.make();
  const { going, staying } = ruled("2026-01-08T12:00Z");
  bench.report([...going, ...staying]);
  bench.leap(8);
  bench.report([...going, ...staying]);
  bench.leap(-365);
  assert.deepEqual(bench.report(staying).alarm, { missing: 15, points: 30 });
  bench.leap(365);
  assert.equal(bench.report(staying).alarm, null);
  bench.leap(1);
  assert.equal(bench.report(staying).alarm, null);
});

test("a forecast that was shortened first hides no loss: the shortening alarms, and until its quarantine is over so does the loss", async () => {
  using bench = await NeedsWorld.make();
  const { going, staying } = ruled("2033-12-31T12:00Z");
  bench.report([...going, ...staying]);
  bench.leap(1);
  const shortened = [...ruled("2026-01-02T00:00Z").going, ...staying];
  assert.deepEqual(bench.report(shortened).alarm, { missing: 15, points: 30 });
  assert.equal(bench.report(shortened).alarm, null, "told once a day");
  bench.reportDays(QUARANTINE_DAYS - 1, shortened);
  assert.equal(openAlarms(bench.store).length, 1);
  assert.deepEqual(bench.report(staying).alarm, { missing: 15, points: 30 });
});

test("forecasts that come nearer by some days, as after a backup by hand, raise no alarm", async () => {
  using bench = await NeedsWorld.make();
  const { going, staying } = ruled("2026-06-30T12:00Z");
  bench.report([...going, ...staying]);
  bench.leap(1);
  assert.equal(bench.report([...ruled("2026-06-01T12:00Z").going, ...staying]).alarm, null);
});
