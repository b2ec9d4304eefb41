import assert from "node:assert/strict";
import { test } from "node:test";

import { sha256Text } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import { identify } from "#keys/access/identities.ts";
import { savePolicy } from "#keys/access/policy.ts";
import { auditHead } from "#keys/audit/audit.ts";
import { receiveReport } from "#keys/needs/receive-report.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller } from "#keys/store/model.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { worldPoint, worldVolume } from "#testing/keys/needs-world.ts";
import type { WorldPoint } from "#testing/keys/needs-world.ts";
import { enrolSomeVault, prove, someMachine, someVault } from "#testing/keys/presented-volume.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";

const root = worldVolume("root", "slot 0");
const points = (count: number, label = "web01"): WorldPoint[] =>
  Array.from({ length: count }, (_, i) => worldPoint(`${label}@${i}`, [root]));

class Bench implements Disposable {
  readonly keySide: TestKeySide;
  readonly #caller: Caller;

  constructor(keySide: TestKeySide) {
    this.keySide = keySide;
    enrolSomeVault(keySide);
    this.#caller = identify(keySide.side.store, keySide.tokens.backup).caller;
  }

  report(reported: readonly WorldPoint[], machine = someMachine, machineName = "web01") {
    const { store } = this.keySide.side;
    const digest = sha256Text(JSON.stringify([reported, machineName]));
    const of = { vault: someVault, machine, machineName };
    return receiveReport(store, this.#caller, { ...of, digest, points: () => reported });
  }

  /** How many entries the audit log has, and how many rows were written since the store was made. */
  get written(): readonly [entries: number, changes: number] {
    const { db } = this.keySide.side.store;
    const row = db.prepare("SELECT total_changes() AS n").get();
    return [auditHead(db).seq, Number(row?.["n"])];
  }

  get rows(): number {
    return Number(this.keySide.side.store.db.prepare("SELECT count(*) AS n FROM points").get()?.["n"]);
  }

  [Symbol.dispose](): void {
    this.keySide[Symbol.dispose]();
  }
}

test("the same report again writes nothing within an hour, and one audit entry a day", async () => {
  using bench = new Bench(await testKeySide());
  bench.report(points(3));
  const first = bench.written;
  assert.equal(first[0], 1);
  for (let again = 0; again < 50; again++) assert.deepEqual(bench.report(points(3)), { quarantined: 0, alarm: null });
  assert.deepEqual(bench.written, first);
  bench.keySide.pass({ hours: 1 });
  bench.report(points(3));
  const [entries, changes] = bench.written;
  assert.equal(entries, 1, "when it came is no change");
  assert.ok(changes > first[1]);
  bench.keySide.pass({ hours: 24 });
  bench.report(points(3));
  assert.equal(bench.written[0], 2);
});

test("a report that came before another one is taken anew", async () => {
  using bench = new Bench(await testKeySide());
  bench.report(points(3));
  assert.equal(bench.report(points(2)).quarantined, 1);
  assert.equal(bench.report(points(2)).quarantined, 1);
  assert.equal(bench.report(points(3)).quarantined, 0);
  assert.equal(bench.written[0], 3);
});

test("a point waits for no less because the report without it is always the same", async () => {
  using bench = new Bench(await testKeySide());
  bench.report(points(3));
  for (let day = 0; day < 44; day++) {
    bench.keySide.pass({ hours: 24 });
    bench.report(points(2));
    assert.deepEqual([bench.report(points(2)).quarantined, bench.rows], [1, 3]);
  }
  bench.keySide.pass({ hours: 24 });
  assert.deepEqual([bench.report(points(2)).quarantined, bench.rows], [0, 2]);
});

test("what a retired vault held is gone after its quarantine, and stored anew by the report that it had last", async () => {
  using bench = new Bench(await testKeySide());
  const vault = { vault: someVault, name: "again", rootCommitment: "07".repeat(32), reporter: "backup" };
  bench.report(points(3));
  await bench.keySide.as("custodian", "vault.retire", { vault: someVault });
  for (let day = 1; day <= 44; day++) {
    bench.keySide.pass({ hours: 24 });
    enrolSomeVault(bench.keySide, "ab".repeat(16));
    receiveReport(bench.keySide.side.store, identify(bench.keySide.side.store, bench.keySide.tokens.backup).caller, {
      vault: "ab".repeat(16),
      machine: someMachine,
      machineName: "db01",
      digest: "",
      points: () => [],
    });
  }
  assert.equal(bench.rows, 0);
  bench.keySide.pass({ hours: -44 * 24 }); // a clock that is put back: it is the same hour again
  await bench.keySide.as("custodian", "vault.enrol", vault);
  bench.report(points(3));
  assert.equal(bench.rows, 3);
});

test("a backup side that reports other points each time is stopped for the day, and frees nothing by that", async () => {
  using bench = new Bench(await testKeySide());
  inTransaction(bench.keySide.side.store.db, () => savePolicy(bench.keySide.side.store, { backupRowsPerDay: 1000 }));
  bench.report(points(300, "real"));
  let refusals = 0;
  for (let round = 0; round < 20; round++) {
    try {
      bench.report(points(300, `made up ${round}`), `${round}`.padStart(32, "0"));
    } catch (error) {
      refusals++;
      assert.ok(isLockstepError(error, "RATE_LIMITED"));
      assert.match(error.message, /^reporting the points of web01: backup has added 604 of 1000 rows today/);
    }
  }
  assert.deepEqual([refusals, bench.rows], [20, 300]);
  bench.keySide.pass({ hours: 1 });
  assert.equal(bench.report(points(300, "real")).quarantined, 0, "what is known is heard as before");
  bench.keySide.pass({ hours: 24 });
  bench.report(points(300, "new"), "1".repeat(32));
  assert.equal(bench.rows, 600);
});

test("machines that are made up, and proofs of points that are, are stopped for the day as well", async () => {
  using bench = new Bench(await testKeySide());
  const { side } = bench.keySide;
  inTransaction(side.store.db, () => savePolicy(side.store, { backupRowsPerDay: 1000 }));
  const count = (table: string): number =>
    Number(side.store.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  for (let round = 0; round < 400; round++) bench.report([], `${round}`.padStart(32, "0"));
  let refused = 0;
  for (let round = 0; round < 200; round++) {
    try {
      await prove(bench.keySide, sampleVolume, { point: `${round}`.padStart(32, "0") });
    } catch (error) {
      assert.ok(isLockstepError(error, "RATE_LIMITED"), String(error));
      refused++;
    }
  }
  assert.deepEqual([count("machines"), count("proofs"), refused], [400, 100, 100]);
  assert.throws(() => bench.report([], "f".repeat(32)), { code: "RATE_LIMITED" });
  assert.ok(auditHead(side.store.db).seq < 600, "refusals have a budget, too");
});

test("more points than a report may have are refused in words", async () => {
  using keySide = await testKeySide();
  enrolSomeVault(keySide);
  const [one] = points(1);
  const { capturedMs: _, expectedUntilMs: __, ...point } = one ?? assert.fail();
  const input = {
    vault: someVault,
    machine: someMachine,
    machineName: "web01",
    points: Array.from({ length: 100_001 }, () => ({
      ...point,
      capturedAt: "2026-01-01T00:00:00Z",
      expectedUntil: null,
      volumes: [],
    })),
  };
  await assert.rejects(keySide.as("backup", "point.report", input), {
    code: "ARGUMENT_INVALID",
    message: "point.report: points: a report has at most 100000 points of a machine",
  });
});

test("a report that changes a machine's name alone is audited", async () => {
  using bench = new Bench(await testKeySide());
  bench.report(points(1));
  const [entries] = bench.written;
  bench.report(points(1), someMachine, "web02");
  assert.equal(bench.written[0], entries + 1);
});
